/*
 * signer_private.h - the two ends of the signer's socket, its journal and its confinement. Private to
 * core/pay.
 *
 * Both ends are the same program, so messages are plain structs. Of a request only the part that its kind
 * uses travels (signer_request_size).
 */
#ifndef CORE_PAY_SIGNER_PRIVATE_H
#define CORE_PAY_SIGNER_PRIVATE_H

#include "core/pay/signer.h"

#define SIGNER_SOCKET 3   /* descriptors the process is born with */
#define SIGNER_PASSWORD 4

enum signer_ask {
	SIGNER_ASK_SETUP,
	SIGNER_ASK_UNLOCK,
	SIGNER_ASK_AUTHORIZE,
	SIGNER_ASK_TRANSACT,
	SIGNER_ASK_ATTEST,
	SIGNER_ASK_COUNTS,
};
struct signer_request {
	enum signer_ask ask;
	union {
		struct signer_setup setup;
		struct {
			struct eip712_domain domain;
			struct eip3009 a;
		} authorize;
		struct {
			struct tx tx; /* its pointers mean nothing: */
			struct tx_access access[TX_ACCESS_MAX];
			uint8_t data[TX_DATA_MAX];
		} transact;
		struct signer_statement attest;
	};
};
/* 0: no such kind. */
size_t signer_request_size(enum signer_ask ask);
struct signer_reply {
	struct art_err err; /* code ART_OK: none */
	struct eth_address who;
	struct eth_signature sig;
	struct signer_counts counts;
};

/* ---- the journal ------------------------------------------------------------------------------- */

#define JOURNAL_LINE_MAX 600
#define JOURNAL_SEAL 32

struct journal_entry { /* what the process remembers of a record */
	int64_t at_us;
	struct usdc value;
	struct eth_word digest;
};
struct journal {
	int fd;
	off_t read_to;                /* whole records end here */
	uint8_t key[JOURNAL_SEAL];    /* of the seals */
	uint8_t last[JOURNAL_SEAL];   /* seal of the last record */
	struct journal_entry *entries;
	size_t n;
};
/* Opens or makes it; the key of its seals is derived from @key (NULL: a constant). */
ART_MUST_USE enum art_status journal_open(struct journal *j, const char *state_dir,
					  const struct eth_address *wallet, const struct eth_key *key,
					  struct art_err *err);
void journal_close(struct journal *j);
/* Between lock and unlock nobody else appends. journal_lock reads what others added: CORRUPT when a seal
 * does not fit. A record that was cut short by a death is cut off: its signature never left. */
ART_MUST_USE enum art_status journal_lock(struct journal *j, struct art_err *err);
void journal_unlock(struct journal *j);
bool journal_has(const struct journal *j, const struct eth_word *digest);
/* What the records add up to; sums saturate. Leaves out->frozen. */
void journal_sums(const struct journal *j, int64_t now_us, struct signer_counts *out);
/* Append @r and sync. */
ART_MUST_USE enum art_status journal_add(struct journal *j, const struct signer_record *r,
					 struct art_err *err);
/* One line without its seal and newline; for reading: false when it is none. */
ART_MUST_USE bool journal_parse(const char *line, struct signer_record *out);
void journal_path(const char *state_dir, const struct eth_address *wallet,
		  char out[SIGNER_PATH_MAX]);
/* "authorization" with a value that fits; the value counts under the caps. */
struct usdc journal_value(const struct signer_record *r);

/* ---- what may be signed ------------------------------------------------------------------------ */

ART_MUST_USE enum art_status signer_judge_authorization(const struct signer_policy *p,
							const struct eth_address *who,
							const struct eip712_domain *domain,
							const struct eip3009 *a, int64_t now_s,
							struct usdc *value, struct art_err *err);
ART_MUST_USE enum art_status signer_judge_caps(const struct signer_policy *p,
					       const struct signer_counts *c, struct usdc value,
					       struct art_err *err);
ART_MUST_USE enum art_status signer_judge_transaction(const struct signer_policy *p,
						      const struct tx *t, struct art_err *err);

/* ---- the flag and the confinement -------------------------------------------------------------- */

/* A descriptor to look at with signer_flag_is_set. */
ART_MUST_USE enum art_status signer_flag_open(const char *state_dir, int *fd, struct art_err *err);
bool signer_flag_is_set(int fd);
/* From here on: no new descriptors, no programs, no memory that can be executed. */
ART_MUST_USE enum art_status signer_confine(struct art_err *err);

#endif
