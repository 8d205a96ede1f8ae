/*
 * knobs.c - the table of knobs.h as data.
 *
 * Layer: store.
 */
#include "store/knobs.h"

#include <string.h>

static const struct knob knobs[KNOB_COUNT] = {
#define KNOB_ROW(id, kind_, def_, lo, hi, vlo, vhi, choices_, help_)                    \
	[KNOB_##id##_ID] = { .name = #id, .kind = kind_, .def = def_, .search_lo = lo,  \
			     .search_hi = hi, .valid_lo = vlo, .valid_hi = vhi,         \
			     .choices = choices_, .help = help_ },
	KNOB_LIST(KNOB_ROW)
#undef KNOB_ROW
};

const struct knob *knob_by_id(enum knob_id id)
{
	ART_BUG_ON((unsigned)id >= KNOB_COUNT);
	return &knobs[id];
}

const struct knob *knob_by_name(const char *name)
{
	for (size_t i = 0; i < ART_COUNT(knobs); i++)
		if (!strcmp(knobs[i].name, name))
			return &knobs[i];
	return NULL;
}
