/*
 * text.c - UTF-8: decode, clean text from outside, measure columns.
 *
 * Layer: store. Contract in base.h. Nothing here asks the locale, so a log line and a panel cell
 * come out the same under LC_ALL=C.
 */
#include "store/base.h"

#include <limits.h>
#include <string.h>

#include "store/text_width.h"

#define ESC 0x1b
#define REPLACEMENT 0xfffd
/* ncurses keeps a base character and at most four more in a cell. */
enum { MARKS_MAX = 4 };

int art_utf8_decode(const char *s, size_t n, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	int len;

	if (!n)
		return 0;
	if (p[0] < 0x80) {
		c = p[0];
		len = 1;
	} else if (p[0] >= 0xc2 && p[0] < 0xe0) {
		c = p[0] & 0x1f;
		len = 2;
	} else if (p[0] >= 0xe0 && p[0] < 0xf0) {
		c = p[0] & 0x0f;
		len = 3;
	} else if (p[0] >= 0xf0 && p[0] < 0xf5) {
		c = p[0] & 0x07;
		len = 4;
	} else {
		return 0;
	}
	if ((size_t)len > n)
		return 0;
	for (int i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (cp)
		*cp = c;
	return len;
}

bool art_utf8_valid(const char *s, size_t n, size_t *bad_at)
{
	size_t i = 0;

	while (i < n) {
		int len = art_utf8_decode(s + i, n - i, NULL);

		if (!len) {
			if (bad_at)
				*bad_at = i;
			return false;
		}
		i += (size_t)len;
	}
	return true;
}

static bool in_ranges(uint32_t c, const struct range *r, size_t n)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c > r[mid].last)
			lo = mid + 1;
		else if (c < r[mid].first)
			hi = mid;
		else
			return true;
	}
	return false;
}

static int columns_of(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	if (c < 0x300)
		return 1;
	if (in_ranges(c, zero_width, ART_COUNT(zero_width)))
		return 0;
	return in_ranges(c, double_width, ART_COUNT(double_width)) ? 2 : 1;
}

/* Unicode's Default_Ignorable_Code_Point (joiners, bidi controls, fillers, tags: invisible ink
 * for spoofed names and hidden prompts) but for the two variation selectors that choose between
 * text and emoji; and the interlinear annotation marks. */
static bool is_invisible(uint32_t c)
{
	static const struct range invisible[] = {
		{ 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x061c, 0x061c }, { 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x202a, 0x202e },
		{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0d }, { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
	};

	return in_ranges(c, invisible, ART_COUNT(invisible));
}

bool art_text_is_hidden(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 || is_invisible(cp);
}

static bool is_noncharacter(uint32_t c)
{
	return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

static uint32_t next_char(const char *s, size_t n, size_t *len)
{
	uint32_t c;
	int got = art_utf8_decode(s, n, &c);

	*len = got ? (size_t)got : 1;
	return got && !is_noncharacter(c) ? c : REPLACEMENT;
}

/* After ESC [ : parameters and intermediates up to one final byte. A byte that does not belong
 * ends the sequence without being eaten, as do all sequences here. */
static size_t skip_csi(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] <= 0x3f)
		i++;
	return i < n && s[i] >= 0x40 && s[i] <= 0x7e ? i + 1 : i;
}

/* After ESC ] P X ^ _ : a string up to BEL or ST. A line never ends inside one: otherwise a
 * single stray byte could hide the rest of a log. */
static size_t skip_string(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (unsigned char)s[i] >= 0x20) {
		if (n - i >= 2 && !memcmp(s + i, "\xc2\x9c", 2)) /* ST in its C1 form */
			return i + 2;
		i++;
	}
	if (i < n && s[i] == 0x07)
		return i + 1;
	if (n - i >= 2 && s[i] == ESC && s[i + 1] == '\\')
		return i + 2;
	return i;
}

/* Bytes after the introducer @c (ESC or a C1 control) that belong to its sequence. */
static size_t skip_sequence(uint32_t c, const char *s, size_t n)
{
	size_t at = 0;

	if (c == ESC) {
		while (at < n && s[at] >= 0x20 && s[at] <= 0x2f)
			at++;
		if (at == n || s[at] < 0x30 || s[at] > 0x7e)
			return at;
		if (at) /* ESC ( B and the like: complete with this byte */
			return at + 1;
		c = (uint32_t)(unsigned char)s[at++] + 0x40; /* ESC [ means the same as U+009B */
		if (c < 0x80 || c > 0x9f)
			return at;
	}
	switch (c) {
	case 0x9b: /* CSI */
		return at + skip_csi(s + at, n - at);
	case 0x90: /* DCS */
	case 0x98: /* SOS */
	case 0x9d: /* OSC */
	case 0x9e: /* PM */
	case 0x9f: /* APC */
		return at + skip_string(s + at, n - at);
	default: /* a plain control, no enum of ours */
		return at;
	}
}

static size_t encode(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* What stands for @c in clean text: 0 when nothing does. @next is the byte after it or 0. */
static uint32_t cleaned(uint32_t c, char next, bool keep_newlines)
{
	if (c == '\r' && next == '\n')
		return 0;
	if (c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029)
		return keep_newlines ? '\n' : ' ';
	if (c == '\t' || c == '\v' || c == '\f')
		return ' ';
	return art_text_is_hidden(c) ? 0 : c;
}

size_t art_text_clean(char *dst, size_t dst_size, const char *src, size_t src_len,
		      bool keep_newlines)
{
	size_t n = 0, i = 0;
	int marks = MARKS_MAX; /* marks on the last character; full where there is none */

	if (!dst_size)
		return 0;
	while (i < src_len) {
		char out[4];
		size_t len;
		uint32_t c = next_char(src + i, src_len - i, &len);

		i += len;
		if (c == ESC || (c >= 0x80 && c < 0xa0 && c != 0x85)) {
			i += skip_sequence(c, src + i, src_len - i);
			continue;
		}
		c = cleaned(c, i < src_len ? src[i] : '\0', keep_newlines);
		if (!c)
			continue;
		if (c == '\n')
			marks = MARKS_MAX;
		else if (columns_of(c))
			marks = 0;
		else if (marks++ >= MARKS_MAX)
			continue;
		len = encode(out, c);
		if (n + len >= dst_size)
			break;
		memcpy(dst + n, out, len);
		n += len;
	}
	dst[n] = '\0';
	return n;
}

size_t art_text_clip(const char *s, int columns, int *used)
{
	size_t left = strlen(s), at = 0;
	int taken = 0;

	while (left) {
		size_t len;
		int w = columns_of(next_char(s + at, left, &len));

		if (w > columns - taken && w)
			break;
		taken += w;
		at += len;
		left -= len;
	}
	if (used)
		*used = taken;
	return at;
}

int art_text_columns(const char *s)
{
	int used;

	art_text_clip(s, INT_MAX, &used);
	return used;
}
