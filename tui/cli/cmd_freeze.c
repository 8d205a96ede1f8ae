/*
 * cmd_freeze.c - artui freeze and thaw: stopping every signer of this user at once, and letting them go on.
 *
 * Layer: tui. Works without configuration, database and network: it must work when they do not.
 */
#include <stdio.h>
#include <string.h>

#include "tui/cli/cli_money.h"

int cmd_freeze(struct cli *c, const struct cli_args *a)
{
	bool freeze = !strcmp(a->command->name, "freeze");
	char dir[SIGNER_PATH_MAX];
	struct art_err err = { 0 };
	enum art_status s = signer_state_dir(dir, &err);

	s = s ? s : signer_freeze(dir, freeze, &err);
	if (s != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json"))
		fprintf(c->out, "{\"frozen\": %s}\n", freeze ? "true" : "false");
	else
		fputs(freeze ? "frozen: nothing is signed until artui thaw\n"
			     : "thawed: payments are signed again, within the caps\n", c->out);
	return CLI_DONE;
}
