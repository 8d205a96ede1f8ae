/*
 * eval.c - evaluate_bpb, and the command that scores a checkpoint with it.
 */
#include "worker/train/ckpt.h"
#include "worker/train/cli.h"

#include "store/json.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define READS_MAX ((size_t)16 << 20)

enum art_status evaluate_bpb(struct eval_result *out, struct model *m, const struct dataset *d,
			     enum data_split s, int rows, struct art_err *err)
{
	struct eval_result r = { 0 };
	struct loader *l = NULL;
	size_t T = (size_t)dataset_seq_len(d), n = (size_t)rows * T;
	int64_t t0 = art_mono_us();
	int filled;

	enum art_status st = loader_open(&l, d, s, 0, err);
	if (st != ART_OK)
		return st;
	int32_t *inputs = art_alloc(n, sizeof(*inputs));
	int32_t *targets = art_alloc(n, sizeof(*targets));
	float *losses = art_alloc(n, sizeof(*losses));

	while ((filled = loader_next(l, inputs, targets, rows)) > 0) {
		model_losses(m, inputs, targets, filled, losses);
		for (size_t i = 0; i < (size_t)filled * T; i++) {
			int bytes = targets[i] < 0 ? 0 : dataset_token_bytes(d, targets[i]);

			if (bytes == 0)
				continue;
			r.nats += (double)losses[i];
			r.bytes += bytes;
			r.tokens++;
		}
	}
	r.val_bpb = r.nats / (M_LN2 * (double)r.bytes);
	r.seconds = (double)(art_mono_us() - t0) / 1e6;
	if (!isfinite(r.val_bpb))
		st = art_fail(err, ART_INVALID, "the model's loss on %s is no finite number",
			      data_split_name(s));
	else if (r.bytes != dataset_bytes(d, s))
		st = art_fail(err, ART_CORRUPT, "%s: scored %lld bytes, dataset.json says %lld",
			      data_split_name(s), (long long)r.bytes,
			      (long long)dataset_bytes(d, s));
	else
		*out = r;
	free(inputs);
	free(targets);
	free(losses);
	loader_close(l);
	return st;
}

/* True when a line of the list of reads begins with @sha256. */
static bool was_read(const struct art_buf *reads, const char *sha256)
{
	for (const char *p = reads->data; p && *p;) {
		if (strncmp(p, sha256, HASH_HEX - 1) == 0)
			return true;
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return false;
}

/*
 * Note the read before it happens: a score that was seen must be on record even if this process
 * dies. The lock keeps two readers from both finding their checkpoint absent.
 */
static enum art_status note_final_read(const char *dir, const char *sha256, struct art_err *err)
{
	char *path = art_printf("%s/final.reads", dir);
	char when[32], line[160];
	struct art_buf reads;
	enum art_status st;

	art_buf_init(&reads, READS_MAX);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		st = art_fail_errno(err, "cannot note the read of the final set in %s", path);
		goto out;
	}
	st = art_read_file(&reads, path, READS_MAX, err);
	if (st != ART_OK)
		goto out;
	if (was_read(&reads, sha256)) {
		st = art_fail(err, ART_CONFLICT,
			      "checkpoint %.12s has been scored on the final set already (%s)",
			      sha256, path);
		goto out;
	}
	int n = snprintf(line, sizeof(line), "%s %s\n", sha256,
			 art_time_iso(art_now_us(), when, sizeof(when)));
	if (write(fd, line, (size_t)n) != n || fsync(fd) != 0)
		st = art_fail_errno(err, "cannot note the read of the final set in %s", path);
out:
	if (fd >= 0)
		close(fd);
	art_buf_destroy(&reads);
	free(path);
	return st;
}

struct eval_args {
	const char *data, *checkpoint;
	enum data_split split;
	bool unlock_final, json;
	struct model_options model;
};

static void print_result(const struct eval_args *a, const struct eval_result *r,
			 const struct dataset *d, const struct ckpt *c)
{
	if (!a->json) {
		printf("split:    %s\nval_bpb:  %.6f\nnats:     %.3f\nbytes:    %lld\n"
		       "tokens:   %lld\nseconds:  %.1f\n",
		       data_split_name(a->split), r->val_bpb, r->nats, (long long)r->bytes,
		       (long long)r->tokens, r->seconds);
		return;
	}
	struct art_buf b;
	struct json_out o;

	art_buf_init(&b, 1 << 16);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "split", data_split_name(a->split));
	json_put_f64(&o, "val_bpb", r->val_bpb);
	json_put_f64(&o, "nats", r->nats);
	json_put_int(&o, "bytes", r->bytes);
	json_put_int(&o, "tokens", r->tokens);
	json_put_f64(&o, "seconds", r->seconds);
	json_put_str(&o, "data_sha256", dataset_data_sha256(d));
	json_put_str(&o, "evaluator_sha256", dataset_evaluator_sha256(d));
	json_put_str(&o, "checkpoint_sha256", ckpt_sha256(c));
	json_close_object(&o);
	puts(b.data);
	art_buf_destroy(&b);
}

static enum art_status run_eval(struct eval_args *a, struct art_err *err)
{
	struct trained t;
	struct eval_result r;
	enum art_status st = trained_open(&t, a->data, a->checkpoint, &a->model, err);

	if (st == ART_OK && a->split == DATA_FINAL)
		st = note_final_read(a->data, ckpt_sha256(t.ckpt), err);
	if (st == ART_OK)
		st = evaluate_bpb(&r, t.model, t.data, a->split, a->model.max_rows, err);
	if (st == ART_OK)
		print_result(a, &r, t.data, t.ckpt);
	trained_close(&t);
	return st;
}

static const char usage[] =
	"Usage: artui-train eval --data DIR --checkpoint FILE [OPTION]...\n"
	"Score a checkpoint: bits per byte over the whole split.\n\n"
	"  --split val|final   which text (val)\n"
	"  --unlock-final      needed for --split final; each checkpoint may read it once,\n"
	"                      and every read is noted in DIR/final.reads\n"
	"  --threads N         (as many as CPUs)\n"
	"  --kernel NAME       auto, plain, avx2, avx512, avx512bf16, avx512fp16\n"
	"                      or amx (auto)\n"
	"  --json              one JSON object\n";

/* 0: go on; otherwise 1 + the exit status. */
static int parse_args(struct eval_args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "checkpoint", required_argument, NULL, 'c' },
		{ "split", required_argument, NULL, 's' },
		{ "unlock-final", no_argument, NULL, 'u' },
		{ "threads", required_argument, NULL, 't' },
		{ "kernel", required_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int64_t v;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'd':
			a->data = optarg;
			break;
		case 'c':
			a->checkpoint = optarg;
			break;
		case 's':
			if (strcmp(optarg, "val") != 0 && strcmp(optarg, "final") != 0)
				return 1 + cli_usage_error("eval", "--split is val or final");
			a->split = strcmp(optarg, "val") == 0 ? DATA_VAL : DATA_FINAL;
			break;
		case 'u':
			a->unlock_final = true;
			break;
		case 't':
			if (!cli_int("eval", "threads", optarg, 1, 1024, &v))
				return 1 + CLI_USAGE;
			a->model.threads = (int)v;
			break;
		case 'k':
			if (!cli_kernel("eval", optarg, &a->model.kernel))
				return 1 + CLI_USAGE;
			break;
		case 'j':
			a->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1 + CLI_OK;
		default:
			return 1 + cli_bad_option("eval");
		}
	}
	if (optind < argc)
		return 1 + cli_usage_error("eval", "unexpected argument '%s'", argv[optind]);
	if (!a->data || !a->checkpoint)
		return 1 + cli_usage_error("eval", "--data and --checkpoint are needed");
	return 0;
}

int cmd_eval(int argc, char **argv)
{
	struct eval_args a = { .split = DATA_VAL,
			       .model = { .threads = cli_default_threads() } };
	struct art_err err = { 0 };
	int stop = parse_args(&a, argc, argv);

	if (stop)
		return stop - 1;
	if (a.split == DATA_FINAL && !a.unlock_final) {
		art_fail(&err, ART_REFUSED,
			 "the final set is locked: it is for the one last score of a finished model; "
			 "--unlock-final reads it and leaves a note");
		return cli_failed("eval", &err);
	}
	/* Enough rows that no thread waits. */
	a.model.max_rows = 4 * a.model.threads < 16 ? 16 : 4 * a.model.threads;
	if (run_eval(&a, &err) != ART_OK)
		return cli_failed("eval", &err);
	return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}
