/*
 * plan_of.h - how SQLite goes about the statements that a store has prepared.
 */
#ifndef TESTS_UNIT_PLAN_OF_H
#define TESTS_UNIT_PLAN_OF_H

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "store/store_sql.h"

/*
 * Every statement of @st that has @words in it must be served by indices where it reads @table: no walk of the
 * table itself, with @covering none of a row beside the index, and no sorting. Returns how many there were.
 */
static inline int indexed(struct store *st, const char *words, const char *table, bool covering)
{
	int n = 0;

	for (int i = 0; i < STORE_STATEMENTS; i++) {
		const char *text = st->statements[i].s ? sqlite3_sql(st->statements[i].s) : "";
		char scan[64];
		sqlite3_stmt *s;

		if (strstr(text, words) == NULL)
			continue;
		n++;
		snprintf(scan, sizeof(scan), "SCAN %s", table);
		char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", text);
		assert_int_equal(sqlite3_prepare_v2(st->db, explain, -1, &s, NULL), SQLITE_OK);
		while (sqlite3_step(s) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(s, 3);
			if ((strstr(step, scan) != NULL &&
			     strstr(step, covering ? "COVERING INDEX" : " INDEX ") == NULL) ||
			    strstr(step, "TEMP B-TREE") != NULL)
				fail_msg("%s\n%s", text, step);
		}
		sqlite3_finalize(s);
		sqlite3_free(explain);
	}
	return n;
}

#endif
