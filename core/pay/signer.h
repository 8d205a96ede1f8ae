/*
 * signer.h - the process that holds the key, and its client.
 *
 * The signer is this program started again ("artui __signer", before any thread of ours and before a
 * byte from outside was read), with a socket to its parent and a policy it got then. It reads the
 * password itself, so neither password nor key is ever in another process. After unlocking it is
 * confined: memory locked and undumpable, no new descriptors, files, sockets or programs (seccomp).
 * It signs what it can parse and its own policy allows; the caller's word is nothing to it:
 *   - an EIP-3009 transfer authorization: chain and token of its table, payee allowed, not frozen,
 *     window within max_window_s of its own clock, value within every cap by its own journal;
 *   - an EIP-1559 transaction that calls a function of its list, without value, with a fee ceiling;
 *   - a seller's statement (signer_statement.h), which moves no money and is not journalled.
 * The journal (state_dir/signer-<address>.log) is append-only, one record a signature, each sealed by
 * an HMAC over itself and its predecessor under a key derived from the private key; written and
 * synced *before* the signature leaves (with a remote signer, which has no key here, the seal is under a
 * constant: a checksum). Asking again for the very same authorization gives the very
 * same signature (RFC 6979) and no new record: so a crash between signing and storing costs nothing.
 * Several signers of one wallet share the journal under a lock.
 *
 * Layer: core. Threads: a struct signer is used by one thread at a time. Foreign: libseccomp and
 * prctl in signer_confine.c alone.
 */
#ifndef CORE_PAY_SIGNER_H
#define CORE_PAY_SIGNER_H

#include "core/chain/eip712.h"
#include "core/chain/keys.h"
#include "core/chain/tx.h"
#include "core/pay/signer_statement.h"
#include "store/money.h"

#define SIGNER_TOKENS_MAX 16
#define SIGNER_PAYEES_MAX 64
#define SIGNER_PATH_MAX 1024

/* What the signer enforces on its own. Fixed when it starts. */
struct signer_policy {
	struct {
		struct eip712_domain domain; /* chain id, token, name, version */
	} tokens[SIGNER_TOKENS_MAX];
	int n_tokens;
	struct eth_address payees[SIGNER_PAYEES_MAX];
	int n_payees;                  /* 0: any payee */
	struct usdc cap_payment, cap_hour, cap_day, cap_total;
	int64_t max_window_s;          /* valid_before - now at most */
	uint64_t max_fee_wei;          /* max_fee * gas of a transaction at most; 0: signs none */
};
struct signer_setup {
	struct signer_policy policy;
	char keystore[SIGNER_PATH_MAX];      /* "" with remote */
	struct eth_address remote;           /* the address a remote signer signs for */
	bool is_remote;                      /* approve and count only: no key here */
	char password_file[SIGNER_PATH_MAX]; /* "" : password_fd, else the terminal */
	int password_fd;                     /* > 0: handed on to the signer */
	char state_dir[SIGNER_PATH_MAX];     /* journal and the frozen flag; made 0700 */
};

struct signer; /* the client's end */
/* Start the process; nothing is read or asked yet. Owns: *out. */
ART_MUST_USE enum art_status signer_start(struct signer **out, const struct signer_setup *setup,
					  struct art_err *err);
/* Closes the socket; the process ends and is reaped. NULL is fine. */
void signer_stop(struct signer *s);
int signer_pid(const struct signer *s);

/* Reads the password, opens the key, confines itself. Again is fine. REFUSED: wrong password. */
ART_MUST_USE enum art_status signer_unlock(struct signer *s, struct eth_address *who,
					   struct art_err *err);
/*
 * Sign one authorization under @domain. REFUSED: not of its table, payee, frozen; LIMIT: over a cap
 * (names it); INVALID: malformed or outside the window; NET never. With is_remote @sig is zeroed: the
 * signature was approved and counted, and the caller fetches it.
 */
ART_MUST_USE enum art_status signer_authorize(struct signer *s, const struct eip712_domain *domain,
					      const struct eip3009 *a, struct eth_signature *sig,
					      struct art_err *err);
/* Functions it knows: transferWithAuthorization (both forms), cancelAuthorization on a token of the
 * table; the ERC-8004 writes (register, setAgentURI, setMetadata, setAgentWallet, giveFeedback,
 * revokeFeedback) on the registries' addresses. */
ART_MUST_USE enum art_status signer_transact(struct signer *s, const struct tx *t,
					     struct eth_signature *sig, struct art_err *err);
/*
 * Sign a receipt, an offer or an order's outcome. The process checks its form and hashes it itself: there is no way to
 * have a bare digest signed. Nothing is journalled (a seller makes thousands, and the same one again has the same
 * signature): the caller keeps what it gave away. REFUSED: frozen; INVALID: malformed, names the member; UNSUPPORTED
 * with a remote signer.
 */
ART_MUST_USE enum art_status signer_attest(struct signer *s, const struct signer_statement *statement,
					   struct eth_signature *sig, struct art_err *err);
/* What is left under each cap by its journal, and how many signatures it holds. */
struct signer_counts {
	struct usdc hour, day, total; /* signed within the last 3600 s, 86400 s, ever */
	int64_t signatures;
	bool frozen;
};
ART_MUST_USE enum art_status signer_counts(struct signer *s, struct signer_counts *out,
					   struct art_err *err);

/* The process itself: called by main before anything else when argv[1] is "__signer". */
int signer_main(int argc, char **argv);

/*
 * The frozen flag, one for all wallets of this user: a file in the state directory that every signer
 * holds open and reads before each signature. A file that was removed or emptied counts as frozen once a
 * signer has it open. freeze and thaw act on running signers at once.
 */
ART_MUST_USE enum art_status signer_freeze(const char *state_dir, bool frozen, struct art_err *err);
ART_MUST_USE enum art_status signer_is_frozen(const char *state_dir, bool *out, struct art_err *err);
/* $XDG_STATE_HOME/artui, else ~/.local/state/artui. NOT_FOUND without a home. */
ART_MUST_USE enum art_status signer_state_dir(char out[SIGNER_PATH_MAX], struct art_err *err);

/* One signature of the journal, for people and tests; the seal needs the key and is not checked here. */
struct signer_record {
	int64_t at_us;
	char kind[16]; /* "authorization" "transaction" */
	uint64_t chain_id;
	struct eth_address contract, to;
	struct u256 value;
	struct eth_word nonce, digest;
	int64_t valid_before;
};
ART_MUST_USE enum art_status signer_journal_read(const char *state_dir,
						 const struct eth_address *wallet,
						 struct signer_record **rows, size_t *n,
						 struct art_err *err); /* free(*rows) */

#endif
