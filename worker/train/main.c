/*
 * main.c - artui-train: pick the command.
 */
#include "worker/train/cli.h"

#include "store/json.h"
#include "store/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
	const char *name;
	const char *full_name; /* argv[0] of the command: getopt's messages begin with it */
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "train", "artui-train train", cmd_train, "train a model from a recipe" },
	{ "eval", "artui-train eval", cmd_eval, "score a checkpoint on the validation or final split" },
	{ "sample", "artui-train sample", cmd_sample, "let a checkpoint write text" },
	{ "prepare", "artui-train prepare", cmd_prepare, "make a data set from text or JSONL" },
	{ "corpus", "artui-train corpus", cmd_corpus, "install a known text and prepare it" },
	{ "recipe", "artui-train recipe", cmd_recipe, "print the default recipe" },
	{ "version", "artui-train version", cmd_version, "print version, kernels and evaluator" },
};

int cmd_recipe(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("Usage: artui-train recipe\nPrint the native trainer's default recipe.");
		return CLI_OK;
	}
	if (argc > 1)
		return cli_usage_error("recipe", "unexpected argument '%s'", argv[1]);
	char *text = recipe_native_default();
	fputs(text, stdout);
	free(text);
	return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}

static void version_json(enum model_kernel chosen, int threads)
{
	struct art_buf b;
	struct json_out o;
	char evaluator[32];

	snprintf(evaluator, sizeof(evaluator), "artui evaluator %d", DATA_EVALUATOR_VERSION);
	art_buf_init(&b, 1 << 16);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "version", ART_VERSION);
	json_put_str(&o, "kernel", model_kernel_name(chosen));
	json_open_array(&o, "kernels_available");
	for (int k = MODEL_KERNEL_AUTO + 1; k < MODEL_KERNEL_COUNT; k++)
		if (model_kernel_available((enum model_kernel)k))
			json_put_str(&o, NULL, model_kernel_name((enum model_kernel)k));
	json_close_array(&o);
	json_put_int(&o, "threads", threads);
	json_put_str(&o, "evaluator", evaluator);
	json_close_object(&o);
	puts(b.data);
	art_buf_destroy(&b);
}

/* AUTO is resolved by opening a model: ask the smallest one. */
static enum model_kernel chosen_kernel(int threads)
{
	struct model_config cfg = { .vocab_size = 257, .n_layer = 1, .n_head = 1, .n_embd = 32,
				    .seq_len = 32, .window_pattern = "L" };
	struct model_options opt = { .kernel = MODEL_KERNEL_AUTO, .threads = threads,
				     .max_rows = 1 };
	struct model *m = NULL;
	enum model_kernel k = MODEL_KERNEL_PLAIN;

	if (model_open(&m, &cfg, &opt, 0, NULL) == ART_OK)
		k = model_kernel(m);
	model_close(m);
	return k;
}

int cmd_version(int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("Usage: artui-train version [--json]");
		return CLI_OK;
	}
	if (argc > 1 && !json)
		return cli_usage_error("version", "unexpected argument '%s'", argv[1]);

	int threads = cli_default_threads();
	enum model_kernel chosen = chosen_kernel(threads);
	if (json) {
		version_json(chosen, threads);
		return CLI_OK;
	}
	printf("artui-train %s\nkernel:    %s\navailable:", ART_VERSION,
	       model_kernel_name(chosen));
	for (int k = MODEL_KERNEL_AUTO + 1; k < MODEL_KERNEL_COUNT; k++)
		if (model_kernel_available((enum model_kernel)k))
			printf(" %s", model_kernel_name((enum model_kernel)k));
	printf("\nthreads:   %d\nevaluator: artui evaluator %d\n", threads,
	       DATA_EVALUATOR_VERSION);
	return CLI_OK;
}

static void usage(FILE *f)
{
	fputs("Usage: artui-train COMMAND [OPTION]...\n\nCommands:\n", f);
	for (size_t i = 0; i < ART_COUNT(commands); i++)
		fprintf(f, "  %-9s %s\n", commands[i].name, commands[i].help);
	fputs("\n'artui-train COMMAND --help' shows a command's options.\n", f);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return CLI_OK;
	}
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	for (size_t i = 0; i < ART_COUNT(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			argv[1] = (char *)commands[i].full_name;
			return commands[i].run(argc - 1, argv + 1);
		}
	fprintf(stderr, "artui-train: no command '%s'\n", argv[1]);
	usage(stderr);
	return CLI_USAGE;
}
