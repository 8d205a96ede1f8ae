/*
 * cmd_files.c - reports and results as files: report, export, import.
 *
 * Layer: tui. What is written is core/research's; here it only finds its way in and out.
 */
#include "tui/cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/research/report.h"
#include "store/json.h"

#define FILE_MAX_BYTES (64u << 20)

/* Into @path, or to standard output for NULL and "-". */
static enum art_status deliver(struct cli *c, const char *path, const struct art_buf *b,
			       struct art_err *err)
{
	if (path && strcmp(path, "-") != 0)
		return art_write_file(path, b->data ? b->data : "", b->len, 0644, err);
	fwrite(b->data, 1, b->len, c->out);
	return ART_OK;
}

int cmd_report(struct cli *c, const struct cli_args *a)
{
	const char *name = cli_text(a, "format", cli_given(a, "json") ? "json" : "text");
	enum report_format format;
	struct art_buf b;
	struct art_err err;
	enum art_status s;

	if (cli_given(a, "json") && strcmp(name, "json") != 0)
		return cli_usage(a->command, "--json and --format %s contradict", name);
	ART_BUG_ON(!report_format_parse(name, &format));
	art_buf_init(&b, CLI_JSON_MAX);
	s = report_write(c->store, cli_int(a, "night", 0), format, &b, &err);
	if (s == ART_OK)
		s = deliver(c, cli_text(a, "output", NULL), &b, &err);
	art_buf_destroy(&b);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

int cmd_export(struct cli *c, const struct cli_args *a)
{
	const char *name = a->operands[0], *to = cli_text(a, "output", name);
	bool tsv = ends_in(name, ".tsv");
	struct art_buf b;
	struct art_err err;
	enum art_status s;

	if (!tsv && !ends_in(name, ".jsonl"))
		return cli_usage(a->command, "'%s' ends neither in .tsv nor in .jsonl", name);
	art_buf_init(&b, CLI_JSON_MAX);
	s = tsv ? export_tsv(c->store, &b, &err) : export_jsonl(c->store, &b, &err);
	if (s == ART_OK)
		s = deliver(c, to, &b, &err);
	if (s == ART_OK && strcmp(to, "-") != 0)
		fprintf(c->out, "wrote %s, %zu bytes\n", to, b.len);
	art_buf_destroy(&b);
	return s == ART_OK ? CLI_DONE : cli_fail(&err);
}

static enum art_status read_stdin(struct art_buf *b, struct art_err *err)
{
	char part[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return art_fail_errno(err, "standard input");
		if (art_buf_add(b, part, (size_t)n) != ART_OK)
			return art_fail(err, ART_LIMIT, "standard input is larger than %u bytes",
					FILE_MAX_BYTES);
	}
	return ART_OK;
}

int cmd_import(struct cli *c, const struct cli_args *a)
{
	const char *path = a->operands[0];
	bool from_stdin = strcmp(path, "-") == 0;
	int64_t added = 0, skipped = 0;
	struct art_buf b, j;
	struct json_out o;
	struct art_err err, why;
	enum art_status s;

	art_buf_init(&b, FILE_MAX_BYTES);
	s = from_stdin ? read_stdin(&b, &err) : art_read_file(&b, path, FILE_MAX_BYTES, &err);
	if (s == ART_OK) {
		s = import_results(c->store, b.data ? b.data : "", b.len, &added, &skipped, &why);
		if (s != ART_OK)
			art_fail(&err, s, "%.80s: %s", from_stdin ? "standard input" : path,
				 why.text);
	}
	art_buf_destroy(&b);
	if (s != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json")) {
		art_buf_init(&j, CLI_JSON_MAX);
		json_out_init(&o, &j, true);
		json_open_object(&o, NULL);
		json_put_int(&o, "added", added);
		json_put_int(&o, "skipped", skipped);
		json_close_object(&o);
		cli_print_json(c, &j);
		art_buf_destroy(&j);
	} else {
		fprintf(c->out, "%lld experiments imported as claims, %lld known already\n",
			(long long)added, (long long)skipped);
	}
	return CLI_DONE;
}
