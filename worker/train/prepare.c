/*
 * prepare.c - the command that makes a data set from the researcher's own text.
 */
#include "worker/train/cli.h"
#include "worker/train/data_prep.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_VOCAB 4096
#define DEFAULT_SEQ_LEN 256
#define DEFAULT_SHARD_TOKENS (16 << 20)

static const char usage[] =
	"Usage: artui-train prepare --out DIR --name NAME [OPTION]... FILE...\n"
	"Make a data set from plain text and .jsonl files. In plain text a form feed ends a\n"
	"document; otherwise each file is one. Documents, not lines, are split into train,\n"
	"validation and the locked final set.\n\n"
	"  --out DIR           directory to make\n"
	"  --name NAME         shown on boards\n"
	"  --vocab-size N      tokens with <bos>, or 'bytes' for no merges (4096)\n"
	"  --seq-len T         tokens in a row, a multiple of 32 (256)\n"
	"  --shard-tokens N    tokens in a shard file (16777216)\n"
	"  --jsonl-field NAME  member that holds the text (text)\n"
	"  --val-every K       every K-th document is validation (10)\n"
	"  --final-every K     every K-th of the others is final; 0: none (20)\n";

struct prepare_args {
	const char *out, *field;
	struct dataset_spec spec;
};

static bool take_option(struct prepare_args *a, int o, const char *text)
{
	int64_t v = 0;

	switch (o) {
	case 'o':
		a->out = text;
		return true;
	case 'n':
		a->spec.name = text;
		return true;
	case 'V':
		if (strcmp(text, "bytes") == 0)
			v = TOKENIZER_VOCAB_MIN;
		else if (!cli_int("prepare", "vocab-size", text, TOKENIZER_VOCAB_MIN,
				  TOKENIZER_VOCAB_MAX, &v))
			return false;
		a->spec.vocab_size = (int)v;
		return true;
	case 'T':
		if (!cli_int("prepare", "seq-len", text, 32, 65536, &v))
			return false;
		a->spec.seq_len = (int)v;
		return true;
	case 'S':
		return cli_int("prepare", "shard-tokens", text, 1, (int64_t)1 << 40,
			       &a->spec.shard_tokens);
	case 'f':
		a->field = text;
		return true;
	case 'v':
		if (!cli_int("prepare", "val-every", text, 2, 1 << 30, &v))
			return false;
		a->spec.rule.val_every = (int)v;
		return true;
	case 'F':
		if (!cli_int("prepare", "final-every", text, 0, 1 << 30, &v))
			return false;
		a->spec.rule.final_every = (int)v;
		return true;
	default:
		cli_bad_option("prepare");
		return false;
	}
}

static bool is_jsonl(const char *path)
{
	size_t n = strlen(path);

	return n > 6 && strcmp(path + n - 6, ".jsonl") == 0;
}

static enum art_status run_prepare(const struct prepare_args *a, char **files, int n_files,
				   struct art_err *err)
{
	struct docs docs;
	enum art_status st = ART_OK;

	docs_init(&docs);
	for (int i = 0; i < n_files && st == ART_OK; i++)
		st = is_jsonl(files[i]) ? docs_add_jsonl_file(&docs, files[i], a->field, err) :
					  docs_add_text_file(&docs, files[i], err);
	if (st == ART_OK)
		st = dataset_write(a->out, &a->spec, &docs, cli_log, err);
	docs_destroy(&docs);
	return st;
}

int cmd_prepare(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "name", required_argument, NULL, 'n' },
		{ "vocab-size", required_argument, NULL, 'V' },
		{ "seq-len", required_argument, NULL, 'T' },
		{ "shard-tokens", required_argument, NULL, 'S' },
		{ "jsonl-field", required_argument, NULL, 'f' },
		{ "val-every", required_argument, NULL, 'v' },
		{ "final-every", required_argument, NULL, 'F' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct prepare_args a = {
		.field = "text",
		.spec = { .vocab_size = DEFAULT_VOCAB,
			  .seq_len = DEFAULT_SEQ_LEN,
			  .shard_tokens = DEFAULT_SHARD_TOKENS,
			  .rule = { .val_every = 10, .final_every = 20 } },
	};
	char note[160];
	struct art_err err = { 0 };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(usage, stdout);
			return CLI_OK;
		}
		if (!take_option(&a, o, optarg))
			return CLI_USAGE;
	}
	if (!a.out || !a.spec.name)
		return cli_usage_error("prepare", "--out and --name are needed");
	if (optind == argc)
		return cli_usage_error("prepare", "at least one FILE is needed");
	a.spec.source = "prepared from the researcher's own files";
	snprintf(note, sizeof(note), "validation: every %dth document; final: every %dth of the rest",
		 a.spec.rule.val_every, a.spec.rule.final_every);
	a.spec.note = note;
	if (run_prepare(&a, argv + optind, argc - optind, &err) != ART_OK)
		return cli_failed("prepare", &err);
	return CLI_OK;
}
