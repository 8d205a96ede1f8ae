/*
 * runner_score.c - the score that a stranger's program prints. Untrusted text.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/serve/runner.h"

#define NAME "val_bpb"
#define TOKEN_MAX 63

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Colours and the like: an escape sequence at @p, or nothing. */
static const char *skip_escapes(const char *p, const char *end)
{
	while (end - p >= 2 && p[0] == '\033' && p[1] == '[') {
		for (p += 2; p < end && (*p < '@' || *p > '~'); p++)
			;
		p += p < end;
	}
	return p;
}

/*
 * Whether a name may begin at @p: after no word, or right after an escape sequence, whose last letter is
 * none.
 */
static bool begins_word(const char *log, const char *p)
{
	const char *q = p - 1;

	if (p == log || !is_word(p[-1]))
		return true;
	while (q > log && (isdigit((unsigned char)q[-1]) || q[-1] == ';'))
		q--;
	return q - log >= 2 && q[-1] == '[' && q[-2] == '\033';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* Blanks and escape sequences in any order. */
static const char *skip_noise(const char *p, const char *end)
{
	const char *from;

	do {
		from = p;
		p = skip_escapes(skip_blanks(p, end), end);
	} while (p != from);
	return p;
}

/* What stands at @p: 1 a score, 0 a number that is none, -1 no number. */
static int read_value(const char *p, const char *end, double *out)
{
	static const char *const none[] = { "nan", "+nan", "-nan", "inf", "+inf", "-inf", "infinity", "-infinity" };
	char token[TOKEN_MAX + 1];
	size_t n = 0;
	double v;

	while (p + n < end && n <= TOKEN_MAX && (is_word(p[n]) || strchr("+-.", p[n])) && p[n])
		n++;
	if (n == 0 || n > TOKEN_MAX)
		return -1;
	/* Before what ends it: a percent sign or a slash makes it another quantity. */
	if (p + n < end && !strchr(" \t\r\n,;)]}\"'\033", p[n]))
		return -1;
	memcpy(token, p, n);
	token[n] = 0;
	for (size_t i = 0; i < ART_COUNT(none); i++)
		if (!strcasecmp(token, none[i]))
			return 0;
	/* A number too large for a double is one that is not finite. */
	if (!art_parse_f64(token, &v)) {
		v = strtod(token, (char **)&p);
		return *p == 0 && isinf(v) ? 0 : -1;
	}
	*out = v;
	return v > 0 ? 1 : 0;
}

/* After the name: a quote perhaps, ':' or '=', and the value. */
static int read_assignment(const char *p, const char *end, double *out)
{
	if (p < end && (*p == '"' || *p == '\''))
		p++;
	p = skip_escapes(p, end);
	p = skip_blanks(p, end);
	if (p == end || (*p != ':' && *p != '='))
		return -1;
	return read_value(skip_noise(p + 1, end), end, out);
}

enum art_status runner_score(const char *log, size_t len, double *out, struct art_err *err)
{
	const char *end = log + len;
	bool found = false;
	double v = 0;

	for (const char *p = log; (size_t)(end - p) >= strlen(NAME); p++) {
		if (strncasecmp(p, NAME, strlen(NAME)) || !begins_word(log, p))
			continue;
		switch (read_assignment(p + strlen(NAME), end, &v)) {
		case 1:
			found = true;
			*out = v;
			break;
		case 0:
			found = false;
			break;
		}
	}
	return found ? ART_OK
		     : art_fail(err, ART_NOT_FOUND, "the log ends without a val_bpb above 0: a line \"val_bpb: NUMBER\"");
}
