/*
 * test_workspace.c - finding, making and locking a workspace.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/workspace.h"
#include "store/recipe.h"

static int rm_entry(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	char *dir = art_strdup("/tmp/artui-ws-XXXXXX");

	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	nftw(*state, rm_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

static void make(const char *dir, struct workspace *w)
{
	struct art_err err = { 0 };

	if (workspace_init(w, dir, NULL, &err))
		fail_msg("%s", err.text);
}

static void workspace_init_must_make_all_and_refuse_a_second_time(void **state)
{
	struct workspace w, again;
	struct art_err err;
	struct store *st = NULL;
	char path[WORKSPACE_PATH_MAX];

	make(*state, &w);
	assert_int_equal(access(workspace_path(&w, path, "artui.db"), R_OK), 0);
	assert_int_equal(access(workspace_path(&w, path, "runs"), X_OK), 0);
	snprintf(path, sizeof(path), "%.900s/recipe.py", w.root);
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(workspace_store(&w, &st, 0, 100, &err), ART_OK);
	store_close(st);
	assert_int_equal(workspace_init(&again, *state, NULL, &err), ART_CONFLICT);
}

static void workspace_init_must_copy_a_recipe_and_refuse_what_is_none(void **state)
{
	struct workspace w;
	struct art_err err;
	struct art_buf b;
	char path[WORKSPACE_PATH_MAX], dir[128];

	snprintf(path, sizeof(path), "%s/my.py", (char *)*state);
	snprintf(dir, sizeof(dir), "%s/a/b", (char *)*state);
	assert_int_equal(art_write_file(path, "hello\n", 6, 0644, NULL), ART_OK);
	assert_int_equal(workspace_init(&w, dir, path, &err), ART_INVALID);
	assert_int_equal(art_write_file(path, "DEPTH = 3\n", 10, 0644, NULL), ART_OK);
	assert_int_equal(workspace_init(&w, dir, path, &err), ART_OK);
	art_buf_init(&b, RECIPE_MAX_BYTES);
	snprintf(path, sizeof(path), "%.900s/recipe.py", w.root);
	assert_int_equal(art_read_file(&b, path, RECIPE_MAX_BYTES, &err), ART_OK);
	assert_string_equal(b.data, "DEPTH = 3\n");
	art_buf_destroy(&b);
}

static void workspace_find_must_search_upward_and_say_how_to_make_one(void **state)
{
	struct workspace w, found;
	struct art_err err;
	char below[160];

	snprintf(below, sizeof(below), "%s/x/y", (char *)*state);
	assert_int_equal(art_mkdirs(below, 0755, NULL), ART_OK);
	assert_int_equal(workspace_find(&found, below, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "artui init"));
	make(*state, &w);
	assert_int_equal(workspace_find(&found, below, &err), ART_OK);
	assert_string_equal(found.root, w.root);
	assert_int_equal(workspace_find(&found, "/no/such/place", &err), ART_NOT_FOUND);
}

static void workspace_lock_must_hold_one_engine_and_tell_its_pid(void **state)
{
	struct workspace w;
	struct art_err err;
	int fd, second;

	make(*state, &w);
	assert_int_equal(workspace_engine_pid(&w), 0);
	assert_int_equal(workspace_lock(&w, &fd, &err), ART_OK);
	assert_int_equal(workspace_engine_pid(&w), getpid());
	assert_int_equal(workspace_lock(&w, &second, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, "process "));
	close(fd);
	assert_int_equal(workspace_engine_pid(&w), 0);
	assert_int_equal(workspace_lock(&w, &fd, &err), ART_OK);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			workspace_init_must_make_all_and_refuse_a_second_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			workspace_init_must_copy_a_recipe_and_refuse_what_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			workspace_find_must_search_upward_and_say_how_to_make_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			workspace_lock_must_hold_one_engine_and_tell_its_pid, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
