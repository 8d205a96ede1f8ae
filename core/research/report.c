/*
 * report.c - one report in one of four formats.
 *
 * Layer: core.
 */
#include "core/research/report_gather.h"

#include <string.h>

/* The writers append without looking back; a night too large for @out is found afterwards. */
#define REPORT_BYTES_MAX (512u << 20)

static const char *const format_text[REPORT_FORMAT_COUNT] = {
#define FORMAT_TEXT(name, text) [REPORT_##name] = text,
	REPORT_FORMAT_LIST(FORMAT_TEXT)
#undef FORMAT_TEXT
};

bool report_format_parse(const char *s, enum report_format *out)
{
	for (int i = 0; i < REPORT_FORMAT_COUNT; i++) {
		if (strcmp(s, format_text[i]) == 0) {
			*out = (enum report_format)i;
			return true;
		}
	}
	return false;
}

enum art_status report_write(struct store *st, int64_t night_id, enum report_format format,
			     struct art_buf *out, struct art_err *err)
{
	struct report r;
	struct art_buf b;
	enum art_status s = report_gather(&r, st, night_id, err);

	if (s != ART_OK)
		return s;
	art_buf_init(&b, REPORT_BYTES_MAX);
	switch (format) {
	case REPORT_MD:
		report_put_md(&r, &b);
		break;
	case REPORT_JSON:
		report_put_json(&r, &b);
		break;
	case REPORT_SVG:
		report_put_svg(&r, &b);
		break;
	case REPORT_TEXT:
		report_put_text(&r, &b);
		break;
	case REPORT_FORMAT_COUNT:
		break;
	}
	report_destroy(&r);
	s = art_buf_add(out, b.data, b.len);
	art_buf_destroy(&b);
	if (s != ART_OK)
		return art_fail(err, s, "the report would be larger than %zu bytes", out->max);
	return ART_OK;
}
