/*
 * test_data.c - documents, splits, data sets on disk, and the properties of the loaders.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/train/corpus.h"
#include "worker/train/data.h"
#include "worker/train/data_prep.h"

#define SEED 7u
#define T_ROW 64

struct fixture {
	char dir[64];
	struct docs docs;
};

/* Documents of 1 to 1500 bytes: many shorter than a row, some far longer. */
static void random_docs(struct docs *d, int n)
{
	static const char letters[] = "etaoin shrdlu,\n.";
	struct art_rng rng;
	char text[1600];

	art_rng_seed(&rng, SEED);
	docs_init(d);
	for (int i = 0; i < n; i++) {
		size_t len = 1 + (size_t)(art_rng_u64(&rng) % (i % 3 ? 60 : 1500));

		for (size_t k = 0; k < len; k++)
			text[k] = letters[art_rng_u64(&rng) % (sizeof(letters) - 1)];
		assert_int_equal(docs_add(d, text, len, NULL), ART_OK);
	}
}

static const struct dataset_spec spec = {
	.name = "test", .source = "random", .note = "none", .vocab_size = 300,
	.seq_len = T_ROW, .shard_tokens = 4000, .rule = { .val_every = 5, .final_every = 7 },
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	art_copy(f->dir, sizeof(f->dir), "/tmp/artui-test-data-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	random_docs(&f->docs, 211);
	*state = f;
	return dataset_write(f->dir, &spec, &f->docs, NULL, NULL) == ART_OK ? 0 : -1;
}

static void remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *path = art_printf("%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
		free(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	remove_dir(f->dir);
	docs_destroy(&f->docs);
	free(f);
	return 0;
}

static struct dataset *opened(const struct fixture *f)
{
	struct dataset *d = NULL;
	struct art_err err = { 0 };

	if (dataset_open(&d, f->dir, true, &err) != ART_OK)
		fail_msg("%s", err.text);
	return d;
}

static struct art_buf text_of_split(const struct fixture *f, enum data_split s)
{
	struct art_buf b;

	art_buf_init(&b, 1 << 24);
	for (size_t i = 0; i < f->docs.n; i++) {
		struct text_span t = docs_at(&f->docs, i);
		if (split_of(&spec.rule, i) == s)
			assert_int_equal(art_buf_add(&b, t.p, t.n), ART_OK);
	}
	return b;
}

static void dataset_write_must_split_by_document(void **state)
{
	struct fixture *f = *state;
	struct dataset *d = opened(f);

	for (int s = 0; s < DATA_SPLITS; s++) {
		struct art_buf b = text_of_split(f, (enum data_split)s);
		assert_true(b.len > 0);
		assert_int_equal(dataset_bytes(d, (enum data_split)s), b.len);
		art_buf_destroy(&b);
	}
	dataset_close(d);
}

static void dataset_write_must_refuse_a_directory_in_use(void **state)
{
	struct fixture *f = *state;
	struct art_err err = { 0 };

	assert_int_equal(dataset_write(f->dir, &spec, &f->docs, NULL, &err), ART_CONFLICT);
	assert_non_null(strstr(err.text, f->dir));
}

static void dataset_write_must_refuse_too_few_documents(void **state)
{
	struct docs one;
	struct art_err err = { 0 };

	(void)state;
	docs_init(&one);
	assert_int_equal(docs_add(&one, "x", 1, NULL), ART_OK);
	assert_int_equal(dataset_write("/tmp/artui-test-never", &spec, &one, NULL, &err),
			 ART_INVALID);
	assert_int_not_equal(access("/tmp/artui-test-never", F_OK), 0);
	docs_destroy(&one);
}

/* Rows of val: <bos> first, and the targets spell the whole text, in order, once. */
static void loader_next_must_score_every_byte_once(void **state)
{
	struct fixture *f = *state;
	struct dataset *d = opened(f);

	for (int s = DATA_VAL; s <= DATA_FINAL; s++) {
		struct art_buf want = text_of_split(f, (enum data_split)s), got;
		struct loader *l = NULL;
		int32_t in[3 * T_ROW], out[3 * T_ROW];
		int rows;

		art_buf_init(&got, 1 << 24);
		assert_int_equal(loader_open(&l, d, (enum data_split)s, 0, NULL), ART_OK);
		while ((rows = loader_next(l, in, out, 3)) > 0) {
			for (int i = 0; i < rows * T_ROW; i++) {
				const char *p;

				assert_true(i % T_ROW || in[i] == dataset_bos(d));
				if (out[i] < 0)
					continue;
				int n = tokenizer_token_bytes(dataset_tokenizer(d), out[i], &p);
				assert_int_equal(art_buf_add(&got, p, (size_t)n), ART_OK);
			}
		}
		assert_int_equal(loader_next(l, in, out, 3), 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
		art_buf_destroy(&want);
		art_buf_destroy(&got);
		loader_close(l);
	}
	dataset_close(d);
}

static void loader_next_must_shift_targets_by_one(void **state)
{
	struct fixture *f = *state;
	struct dataset *d = opened(f);

	for (int s = 0; s < DATA_SPLITS; s++) {
		struct loader *l = NULL;
		int32_t in[4 * T_ROW], out[4 * T_ROW];

		assert_int_equal(loader_open(&l, d, (enum data_split)s, SEED, NULL), ART_OK);
		int rows = loader_next(l, in, out, 4);
		assert_true(rows > 0);
		for (int i = 0; i < rows * T_ROW - 1; i++)
			if (i % T_ROW < T_ROW - 1 && out[i] >= 0)
				assert_int_equal(out[i], in[i + 1]);
		loader_close(l);
	}
	dataset_close(d);
}

/* One epoch's tokens, counted, are the split's tokens: nothing lost, nothing read twice. The
 * buffer runs ahead of the rows, so whole epochs are compared: after E epochs' worth of tokens
 * every count lies between E - 1 and E + 1 times the split's. */
static void loader_next_must_lose_nothing_in_training(void **state)
{
	struct fixture *f = *state;
	struct dataset *d = opened(f);
	struct art_buf want = text_of_split(f, DATA_TRAIN);
	struct loader *l = NULL;
	int32_t in[T_ROW], out[T_ROW];
	int64_t have[256] = { 0 }, seen[256] = { 0 }, bytes = 0;
	const int epochs = 40;

	for (size_t i = 0; i < want.len; i++)
		have[(unsigned char)want.data[i]]++;
	assert_int_equal(loader_open(&l, d, DATA_TRAIN, SEED, NULL), ART_OK);
	while (bytes < (int64_t)want.len * epochs) {
		assert_int_equal(loader_next(l, in, out, 1), 1);
		assert_int_equal(in[0], dataset_bos(d));
		for (int i = 0; i < T_ROW; i++) {
			const char *p;
			if (out[i] < 0)
				continue;
			int n = tokenizer_token_bytes(dataset_tokenizer(d), out[i], &p);
			for (int k = 0; k < n; k++)
				seen[(unsigned char)p[k]]++;
			bytes += n;
		}
	}
	/* The buffer holds up to 1000 pieces, some epochs of this tiny text. */
	assert_true(loader_epoch(l) >= epochs);
	for (int c = 0; c < 256; c++)
		assert_true(llabs(seen[c] - have[c] * epochs) <= have[c] * 4);
	art_buf_destroy(&want);
	loader_close(l);
	dataset_close(d);
}

static void loader_next_must_fill_training_rows_without_padding(void **state)
{
	struct fixture *f = *state;
	struct dataset *d = opened(f);
	struct loader *l = NULL;
	int32_t in[T_ROW], out[T_ROW];
	int unscored = 0;

	assert_int_equal(loader_open(&l, d, DATA_TRAIN, SEED, NULL), ART_OK);
	for (int r = 0; r < 500; r++) {
		assert_int_equal(loader_next(l, in, out, 1), 1);
		for (int i = 0; i < T_ROW; i++) {
			if (out[i] >= 0)
				continue;
			/* Only a <bos> behind a cut is no target. */
			unscored++;
			if (i + 1 < T_ROW)
				assert_int_equal(in[i + 1], dataset_bos(d));
		}
	}
	print_message("%d of %d targets not scored\n", unscored, 500 * T_ROW);
	assert_in_range(unscored, 1, 500 * T_ROW / 10);
	loader_close(l);
	dataset_close(d);
}

static void first_rows(const struct dataset *d, uint64_t seed, int32_t *in, int32_t *out, int rows)
{
	struct loader *l = NULL;

	assert_int_equal(loader_open(&l, d, DATA_TRAIN, seed, NULL), ART_OK);
	assert_int_equal(loader_next(l, in, out, rows), rows);
	loader_close(l);
}

static void loader_next_must_follow_the_seed(void **state)
{
	struct dataset *d = opened(*state);
	size_t n = 200 * T_ROW;
	int32_t *a = art_alloc(n, 4), *b = art_alloc(n, 4), *c = art_alloc(n, 4);
	int32_t *out = art_alloc(n, 4);

	first_rows(d, 1, a, out, 200);
	first_rows(d, 1, b, out, 200);
	first_rows(d, 2, c, out, 200);

	assert_memory_equal(a, b, n * 4);
	assert_memory_not_equal(a, c, n * 4);
	free(a);
	free(b);
	free(c);
	free(out);
	dataset_close(d);
}

/* A document of 400 rows among short ones is read to its end within the epoch. */
static void loader_next_must_read_long_documents_to_the_end(void **state)
{
	struct docs docs;
	struct dataset *d = NULL;
	struct loader *l = NULL;
	char dir[] = "/tmp/artui-test-long-XXXXXX", text[26 * 1000];
	struct dataset_spec s = spec;
	int32_t in[T_ROW], out[T_ROW];
	bool seen_end = false;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'Z';
	docs_init(&docs);
	for (int i = 0; i < 10; i++)
		assert_int_equal(docs_add(&docs, i ? "short" : text, i ? 5 : sizeof(text), NULL),
				 ART_OK);
	s.vocab_size = 257;
	s.rule = (struct split_rule){ .val_every = 10, .final_every = 0 };
	assert_non_null(mkdtemp(dir));
	assert_int_equal(dataset_write(dir, &s, &docs, NULL, NULL), ART_OK);
	assert_int_equal(dataset_open(&d, dir, true, NULL), ART_OK);
	assert_int_equal(loader_open(&l, d, DATA_TRAIN, SEED, NULL), ART_OK);
	for (int r = 0; r < 3 * 26000 / T_ROW && !seen_end; r++) {
		loader_next(l, in, out, 1);
		for (int i = 0; i < T_ROW; i++)
			seen_end |= out[i] == 'Z';
	}
	assert_true(seen_end);
	loader_close(l);
	assert_int_equal(loader_open(&l, d, DATA_FINAL, 0, NULL), ART_INVALID);
	dataset_close(d);
	docs_destroy(&docs);
	remove_dir(dir);
}

static void flip_byte(const char *dir, const char *file, off_t at)
{
	char *path = art_printf("%s/%s", dir, file), c;
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
	free(path);
}

static void dataset_open_must_name_the_damaged_file(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "train-00001.bin", "val-00000.bin", "tokenizer.bin" };

	for (size_t i = 0; i < ART_COUNT(files); i++) {
		struct dataset *d = NULL;
		struct art_err err = { 0 };

		flip_byte(f->dir, files[i], 40);
		assert_int_equal(dataset_open(&d, f->dir, true, &err), ART_CORRUPT);
		assert_non_null(strstr(err.text, files[i]));
		assert_null(d);
		flip_byte(f->dir, files[i], 40);
	}
	dataset_close(opened(f));
}

static void dataset_open_must_refuse_a_short_file(void **state)
{
	struct fixture *f = *state;
	struct dataset *d = NULL;
	struct art_err err = { 0 };
	char *path = art_printf("%s/val-00000.bin", f->dir);
	struct art_buf b;

	art_buf_init(&b, 1 << 20);
	assert_int_equal(art_read_file(&b, path, 1 << 20, NULL), ART_OK);
	assert_int_equal(truncate(path, (off_t)b.len - 2), 0);
	assert_int_equal(dataset_open(&d, f->dir, false, &err), ART_CORRUPT);
	assert_non_null(strstr(err.text, "val-00000.bin"));
	assert_int_equal(art_write_file(path, b.data, b.len, 0644, NULL), ART_OK);
	art_buf_destroy(&b);
	free(path);
}

static void replace_manifest(const struct fixture *f, const char *from, const char *to)
{
	char *path = art_printf("%s/dataset.json", f->dir);
	struct art_buf b, out;

	art_buf_init(&b, 1 << 20);
	art_buf_init(&out, 1 << 20);
	assert_int_equal(art_read_file(&b, path, 1 << 20, NULL), ART_OK);
	char *at = strstr(b.data, from);
	assert_non_null(at);
	art_buf_putf(&out, "%.*s%s%s", (int)(at - b.data), b.data, to, at + strlen(from));
	assert_int_equal(art_write_file(path, out.data, out.len, 0644, NULL), ART_OK);
	art_buf_destroy(&b);
	art_buf_destroy(&out);
	free(path);
}

static void dataset_open_must_refuse_a_changed_manifest(void **state)
{
	struct fixture *f = *state;
	static const char *const change[][2] = {
		{ "\"seq_len\": 64", "\"seq_len\": 128" },
		{ "\"val-00000.bin\"", "\"../val-00000.bin\"" },
		{ "\"token_width\": 2", "\"token_width\": 3" },
		{ "artui-dataset 1", "artui-dataset 2" },
		{ "{", "[" },
	};

	for (size_t i = 0; i < ART_COUNT(change); i++) {
		struct dataset *d = NULL;

		replace_manifest(f, change[i][0], change[i][1]);
		assert_int_equal(dataset_open(&d, f->dir, true, NULL), ART_CORRUPT);
		assert_null(d);
		replace_manifest(f, change[i][1], change[i][0]);
	}
	dataset_close(opened(f));
}

static void dataset_open_must_say_how_to_make_one(void **state)
{
	struct dataset *d = NULL;
	struct art_err err = { 0 };

	(void)state;
	assert_int_equal(dataset_open(&d, "/nonexistent/data", true, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "artui-train corpus"));
}

static char *temp_file(const char *text, size_t n)
{
	char *path = art_strdup("/tmp/artui-test-file-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
	return path;
}

static void docs_add_text_file_must_split_at_form_feeds(void **state)
{
	struct docs d;
	char *path = temp_file("one\fb\f\flast", 11);

	(void)state;
	docs_init(&d);
	assert_int_equal(docs_add_text_file(&d, path, NULL), ART_OK);
	assert_int_equal(d.n, 3);
	assert_int_equal(docs_at(&d, 2).n, 4);
	assert_memory_equal(docs_at(&d, 2).p, "last", 4);
	docs_destroy(&d);
	unlink(path);
	free(path);
}

static void docs_add_jsonl_file_must_name_the_bad_line(void **state)
{
	static const struct {
		const char *text;
		const char *where; /* NULL: good */
	} cases[] = {
		{ "{\"text\":\"a\\nb\"}\n\n{\"text\":\"c\",\"id\":3}", NULL },
		{ "{\"text\":\"a\"}\n{\"text\":4}\n", ":2:" },
		{ "{\"text\":\"a\"}\n{\"body\":\"b\"}\n", ":2:" },
		{ "{\"text\":\"a\"\n", ":1:" },
		{ "[]\n", ":1:" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		struct docs d;
		struct art_err err = { 0 };
		char *path = temp_file(cases[i].text, strlen(cases[i].text));

		docs_init(&d);
		enum art_status st = docs_add_jsonl_file(&d, path, "text", &err);
		if (cases[i].where) {
			assert_int_not_equal(st, ART_OK);
			assert_non_null(strstr(err.text, path));
			assert_non_null(strstr(err.text, cases[i].where));
		} else {
			assert_int_equal(st, ART_OK);
			assert_int_equal(d.n, 2);
			assert_memory_equal(docs_at(&d, 0).p, "a\nb", 3);
		}
		docs_destroy(&d);
		unlink(path);
		free(path);
	}
}

static void docs_add_jsonl_file_must_bound_a_line(void **state)
{
	struct docs d;
	struct art_err err = { 0 };
	char *line = art_alloc(DOCS_LINE_MAX + 10, 1);

	(void)state;
	memset(line, 'x', DOCS_LINE_MAX + 9);
	char *path = temp_file(line, DOCS_LINE_MAX + 9);
	docs_init(&d);
	assert_int_equal(docs_add_jsonl_file(&d, path, "text", &err), ART_LIMIT);
	assert_non_null(strstr(err.text, ":1:"));
	docs_destroy(&d);
	unlink(path);
	free(path);
	free(line);
}

static void split_of_must_keep_splits_apart(void **state)
{
	const struct split_rule r = { .val_every = 10, .final_every = 20 };
	int n[DATA_SPLITS] = { 0 };

	(void)state;
	for (size_t i = 0; i < 200; i++)
		n[split_of(&r, i)]++;
	assert_int_equal(n[DATA_VAL], 20);
	assert_int_equal(n[DATA_FINAL], 10);
	assert_int_equal(n[DATA_TRAIN], 170);
	assert_int_equal(split_of(&r, 9), DATA_VAL);
	assert_int_equal(split_of(&r, 10), DATA_FINAL);
}

static void corpus_kjv_line_must_take_the_reference_off(void **state)
{
	static const char good[] = "1Sam17:4 And there went out a champion: Goliath";
	static const char *const bad[] = { "", "Ge1:1", "Ge1:1 ", "Ge:1 x", "Ge1: x", "no verse: x" };
	struct text_span ref, text;

	(void)state;
	assert_true(corpus_kjv_line(good, strlen(good), &ref, &text));
	assert_int_equal(ref.n, strlen("1Sam17"));
	assert_memory_equal(text.p, "And there", 9);
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		assert_false(corpus_kjv_line(bad[i], strlen(bad[i]), &ref, &text));
}

static void references_for_must_always_have_uniform_bytes(void **state)
{
	int n = 0;
	const struct reference *r = references_for("no", "such", &n);

	(void)state;
	assert_int_equal(n, 1);
	assert_true(r[0].val_bpb == 8.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dataset_write_must_split_by_document, setup, teardown),
		cmocka_unit_test_setup_teardown(dataset_write_must_refuse_a_directory_in_use, setup,
						teardown),
		cmocka_unit_test(dataset_write_must_refuse_too_few_documents),
		cmocka_unit_test_setup_teardown(loader_next_must_score_every_byte_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(loader_next_must_shift_targets_by_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(loader_next_must_lose_nothing_in_training, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			loader_next_must_fill_training_rows_without_padding, setup, teardown),
		cmocka_unit_test_setup_teardown(loader_next_must_follow_the_seed, setup, teardown),
		cmocka_unit_test(loader_next_must_read_long_documents_to_the_end),
		cmocka_unit_test_setup_teardown(dataset_open_must_name_the_damaged_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(dataset_open_must_refuse_a_short_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(dataset_open_must_refuse_a_changed_manifest, setup,
						teardown),
		cmocka_unit_test(dataset_open_must_say_how_to_make_one),
		cmocka_unit_test(docs_add_text_file_must_split_at_form_feeds),
		cmocka_unit_test(docs_add_jsonl_file_must_name_the_bad_line),
		cmocka_unit_test(docs_add_jsonl_file_must_bound_a_line),
		cmocka_unit_test(split_of_must_keep_splits_apart),
		cmocka_unit_test(corpus_kjv_line_must_take_the_reference_off),
		cmocka_unit_test(references_for_must_always_have_uniform_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
