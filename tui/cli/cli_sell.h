/*
 * cli_sell.h - what the selling commands share: their place, wallet, gate. Private to tui/cli.
 */
#ifndef TUI_CLI_CLI_SELL_H
#define TUI_CLI_CLI_SELL_H

#include "tui/cli/cli_money.h"
#include "worker/serve/gate.h"

/* --data DIR (made with @make), else the workspace, else the user's own: configuration and store opened. */
ART_MUST_USE enum art_status cli_open_place(struct cli *c, const struct cli_args *a, bool make,
					    struct art_err *err);

struct selling {
	struct cli *c;
	struct purse purse;
	struct bell *bell;
	struct gate *gate;          /* NULL: nothing is charged */
	const struct chain *chain;
	struct eth_address signer;
	bool has_signer;
	char db[WORKSPACE_PATH_MAX];
};
/*
 * Opens place, wallet and gate as --data, --network, --facilitator, --pay-to, --wallet and the password options say. The wallet is opened when it
 * is needed (self) or named: who only collects needs no key. A facilitator that cannot be asked now is said on stderr. cli_close_selling in
 * every case; it closes the command's store too.
 */
ART_MUST_USE enum art_status cli_open_selling(struct cli *c, const struct cli_args *a, bool priced,
					      struct selling *out, struct art_err *err);
void cli_close_selling(struct selling *v);
/* --port-file */
ART_MUST_USE enum art_status cli_write_port(const struct cli_args *a, int port, struct art_err *err);

#endif
