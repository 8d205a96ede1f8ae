/*
 * wallet.h - the directory of key files, passwords, and which wallet a command means.
 *
 * Layer: core. Threads: main only (passwords are read from a terminal). A wallet is one keystore file
 * NAME.json (files without the ending, as geth and foundry name theirs, are read too) in wallet.dir
 * (default: $XDG_DATA_HOME/artui/keystores), or a remote signer (wallet.remote_url).
 */
#ifndef CORE_PAY_WALLET_H
#define CORE_PAY_WALLET_H

#include "core/config.h"
#include "core/pay/keystore.h"

#define WALLET_NAME_MAX 64
#define WALLET_PATH_MAX 1024

struct wallet_ref {
	char name[WALLET_NAME_MAX];
	char path[WALLET_PATH_MAX];
	struct eth_address address;
	bool address_known; /* the file may not name it */
};
struct wallet_list {
	struct wallet_ref *rows; /* by name */
	size_t n;
	size_t broken;           /* files that are no keystores */
};
/* The directory; made (0700) when @make. */
ART_MUST_USE enum art_status wallet_dir(const struct config *c, char out[WALLET_PATH_MAX], bool make,
					struct art_err *err);
ART_MUST_USE enum art_status wallet_list(const struct config *c, struct wallet_list *out,
					 struct art_err *err);
void wallet_list_destroy(struct wallet_list *l);
/* By name, address, or path of a keystore file; @which NULL or "": wallet.name, else the only one there
 * is. NOT_FOUND says how to make one, CONFLICT lists the names to choose from. */
ART_MUST_USE enum art_status wallet_find(const struct config *c, const char *which,
					 struct wallet_ref *out, struct art_err *err);
/* A letter or digit, then letters, digits, - _ . */
ART_MUST_USE bool wallet_name_ok(const char *name);
/* Write a new file 0600, atomically; CONFLICT when the name or the address is there already. */
ART_MUST_USE enum art_status wallet_add(const struct config *c, const char *name,
					const struct eth_address *address, const char *text,
					size_t len, struct wallet_ref *out, struct art_err *err);

/* Where a password comes from; the first that is set. All zero/NULL: the terminal. */
struct wallet_password {
	const char *file; /* regular, owned by this user or root, no access for group and others; one
	                   * trailing newline is dropped */
	int fd;           /* > 0: read to its end, same rule for the newline */
};
/*
 * Read a password into @out (locked memory of the caller), *len without NUL. @twice asks again and
 * compares (a new password). The terminal is /dev/tty with echo off, restored on any signal.
 * REFUSED: no terminal and no source given, says which options there are; INVALID: NUL inside, too
 * long, group-readable file.
 */
ART_MUST_USE enum art_status wallet_password_read(const struct wallet_password *from,
						  const char *prompt, bool twice,
						  char out[KEYSTORE_PASSWORD_MAX], size_t *len,
						  struct art_err *err);
/* A raw private key (64 hex digits, 0x optional) from a file ("-": stdin); surrounding white space is
 * dropped, the buffer wiped. A file others can read is refused. */
ART_MUST_USE enum art_status wallet_read_private_key(const char *path, struct eth_key *out,
						     struct art_err *err);

#endif
