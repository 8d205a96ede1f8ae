/*
 * purse.h - everything a command or the engine needs to pay, opened in the right order: the signer's
 * process first (before threads, before a byte from outside), then the HTTP engine and the tables.
 *
 * Layer: core. Threads: purse_open in main before other threads; then as struct pay.
 */
#ifndef CORE_PAY_PURSE_H
#define CORE_PAY_PURSE_H

#include "core/pay/pay.h"
#include "core/pay/remote_signer.h"
#include "core/pay/wallet.h"

struct purse {
	struct pay pay;                 /* ready to use */
	struct chains chains;
	struct policy policy;
	struct remote_signer remote;
	char token[512];                /* the remote signer's */
	char lock_path[WORKSPACE_PATH_MAX];
	char state_dir[SIGNER_PATH_MAX];
	struct signer *signer;
	struct http *http;
	struct keys *keys;
	char no_wallet[256];            /* why there is none; "" there is one */
};

struct purse_options {
	const struct config *config;
	struct store *store;            /* the ledger; NULL: none (reads only) */
	const char *ledger_dir;         /* directory of the database, for payments.lock */
	bool without_signer;            /* reading and reconciling need no key */
	const char *wallet;             /* NULL: wallet.name */
	struct wallet_password password;
	const bool *cancel;
	bool have_max;                  /* the caller's own ceiling for one payment: */
	struct usdc max;                /*   the signer is held to it too */
};
/* A missing wallet is no failure: purse.pay.signer is NULL and no_wallet says why. */
ART_MUST_USE enum art_status purse_open(struct purse *out, const struct purse_options *opt,
					struct art_err *err);
void purse_close(struct purse *p); /* fine on a zeroed one, and twice */

/* The user's own ledger, for commands outside of a workspace: $XDG_DATA_HOME/artui, else
 * ~/.local/share/artui. @w gets its paths. A database that is missing is made with @make, else
 * NOT_FOUND. */
ART_MUST_USE enum art_status purse_user_ledger(struct workspace *w, bool make, struct art_err *err);

#endif
