/*
 * market_open.c - the market's commands: what they open, and the filters they share.
 *
 * Layer: tui.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli_market.h"

static enum art_status find_chain(const struct chains *chains, const char *name, const struct chain **out,
				  struct art_err *err)
{
	char known[160] = "";
	size_t len = 0;

	*out = chains_by_network(chains, name);
	if (*out)
		return ART_OK;
	for (int i = 0; i < chains->n; i++) {
		int k = snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "",
				 chains->list[i].name);

		if (k < 0 || (size_t)k >= sizeof(known) - len)
			break;
		len += (size_t)k;
	}
	return art_fail(err, ART_INVALID, "--chain: there is no chain '%.40s': %s", name, known);
}

/* A slug as OASF writes them: "category/skill/part". */
static bool is_skill(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-/.") == strlen(s) && *s != '/' &&
	       strlen(s) < sizeof(((struct worker_query *)0)->skill);
}

enum art_status market_chains_open(struct cli *c, struct market_scope *out, struct art_err *err)
{
	enum art_status s = cli_open_config(c, err);

	*out = (struct market_scope){ .skill = "" };
	if (s == ART_OK)
		s = chains_load(&out->chains, c->config, err);
	return s == ART_INVALID ? ART_IO : s; /* the file's fault, not the command line's */
}

enum art_status market_scope_open(struct cli *c, const struct cli_args *a, struct market_scope *out,
				  struct art_err *err)
{
	const char *chain = cli_text(a, "chain", NULL);
	enum art_status s = market_chains_open(c, out, err);

	out->skill = cli_text(a, "skill", "");
	if (s == ART_OK && chain)
		s = find_chain(&out->chains, chain, &out->chain, err);
	if (s == ART_OK && !is_skill(out->skill))
		s = art_fail(err, ART_INVALID, "--skill: '%.60s' is no skill's name: one is like "
			     "ai_ml_engineering/model_training", out->skill);
	return s;
}

static void say(void *arg, const char *line)
{
	char clean[256];

	(void)arg;
	art_text_clean(clean, sizeof(clean), line, strlen(line), false);
	fprintf(stderr, "artui: %s\n", clean);
}

enum art_status market_open(struct cli *c, const struct market_scope *scope, struct market *out,
			    struct art_err *err)
{
	const char *agent = config_text(c->config, CONFIG_NET_USER_AGENT_KEY);
	struct http_options opt = { .user_agent = *agent ? agent : NULL };

	*out = (struct market){ .store = c->store, .config = c->config, .chains = &scope->chains };
	if (isatty(STDERR_FILENO))
		out->say = say;
	return http_open(&out->http, &opt, err);
}

void market_close(struct market *m)
{
	http_close(m->http);
	memset(m, 0, sizeof(*m));
}
