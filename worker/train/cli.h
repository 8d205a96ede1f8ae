/*
 * cli.h - the commands of artui-train and the little they share.
 *
 * Layer: worker/train. Exit status of a command: 0 done, 1 failed, 2 usage.
 */
#ifndef TRAIN_CLI_H
#define TRAIN_CLI_H

#include "store/base.h"
#include "worker/train/data.h"
#include "worker/train/model.h"

#ifndef ART_VERSION
#define ART_VERSION "0.1"
#endif

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* argv[0] is the command's name. */
int cmd_train(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_sample(int argc, char **argv);
int cmd_prepare(int argc, char **argv);
int cmd_corpus(int argc, char **argv);
int cmd_recipe(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* Write "artui-train CMD: message" to stderr; return CLI_USAGE / CLI_FAILED. */
int cli_usage_error(const char *cmd, const char *fmt, ...) ART_PRINTF(2, 3);
int cli_bad_option(const char *cmd); /* after getopt has said what is wrong */
int cli_failed(const char *cmd, const struct art_err *err);
/* An option's value; on a bad one says so and returns false. */
ART_MUST_USE bool cli_int(const char *cmd, const char *option, const char *text, int64_t lo,
			  int64_t hi, int64_t *out);
ART_MUST_USE bool cli_real(const char *cmd, const char *option, const char *text, double lo,
			   double hi, double *out);
/* "64M", "2G", plain bytes. */
ART_MUST_USE bool cli_bytes(const char *cmd, const char *option, const char *text, size_t *out);
ART_MUST_USE bool cli_kernel(const char *cmd, const char *text, enum model_kernel *out);
int cli_default_threads(void); /* CPUs this process may run on */
void cli_log(const char *line); /* to stderr, with a newline */

struct eval_result {
	double nats, val_bpb, seconds;
	int64_t bytes, tokens; /* scored; <bos> is not */
};
/* autoresearch's evaluate_bpb over the whole split, in passes of @rows. */
ART_MUST_USE enum art_status evaluate_bpb(struct eval_result *out, struct model *m,
					  const struct dataset *d, enum data_split s, int rows,
					  struct art_err *err);

#endif
