/*
 * cli_money.h - what the commands about money share. Private to tui/cli.
 */
#ifndef TUI_CLI_CLI_MONEY_H
#define TUI_CLI_CLI_MONEY_H

#include "core/pay/purse.h"
#include "store/json.h"
#include "store/payments.h"
#include "tui/cli/cli.h"

/* --password-file and --password-fd of a command that has both. */
struct wallet_password cli_password(const struct cli_args *a);
/* One ledger row as the members of an open JSON object. */
void cli_payment_json(struct json_out *o, const struct payment_row *row);
/* A yes or no from the terminal, asked on stderr; no without a terminal. */
bool cli_ask(const char *question);

#endif
