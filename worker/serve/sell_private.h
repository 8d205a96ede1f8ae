/*
 * sell_private.h - what the files of the seller share. See sell.h.
 *
 * sell.c takes requests and money, sell_passage.c carries requests to the service and answers back, sell_page.c is what people see.
 */
#ifndef WORKER_SERVE_SELL_PRIVATE_H
#define WORKER_SERVE_SELL_PRIVATE_H

#include <pthread.h>

#include "worker/serve/httpd.h"
#include "worker/serve/pool.h"
#include "worker/serve/sell.h"

#define SELL_THREADS 16
#define SELL_KEPT 64      /* answers kept for who asks again with the same payment */
#define SELL_HEADERS 64   /* of a request or an answer */

/* A whole answer, without its payment header; status 0: it is owed, asking again begins anew. */
struct sell_kept {
	int64_t sale_id, at;
	int status;
	char *headers[SELL_HEADERS];
	int n_headers;
	char *body;
	size_t len;
};

struct passage;
struct sell {
	struct sell_options opt;
	struct gate_item item;
	struct httpd *http;
	struct pool *pool;
	int lock_fd;              /* one seller of a name on one store */
	pthread_mutex_t say_lock; /* lines stay whole */
	pthread_mutex_t lock;     /* all below; taken last */
	pthread_cond_t less;      /* asking or passages became less */
	int asking;               /* requests kept without an answer, and transfers under way */
	bool ending, closing;     /* no new requests; nothing may begin any more */
	struct passage *passages;
	struct sell_kept kept[SELL_KEPT];
	int next_kept;
};

void sell_say(struct sell *s, const char *fmt, ...) ART_PRINTF(2, 3);
/* A kept request was answered, or a transfer is over. */
void sell_leave(struct sell *s);
/* gate_settle, and what came of it is said. */
ART_MUST_USE enum art_status sell_settle(struct sell *s, struct store *st, struct sale_row *sale, struct art_err *err);
/* The service's URL for a request; the caller frees. */
char *sell_url(const struct sell *s, const struct httpd_request *r);

/* Answers. With @sale settled or unpaid they carry its payment response. */
void sell_error(struct sell *s, struct httpd_request *r, const struct sale_row *sale, int status, const char *extra,
		const char *text);
void sell_unpaid(struct sell *s, struct httpd_request *r, const struct sale_row *sale);

/* Keeps a copy of an answer (status 0: that it is owed) in place of the oldest. */
void sell_keep(struct sell *s, const struct sell_kept *k);
/* Another copy, in *out (sell_kept_free). False: nothing is kept. What is owed is taken out. */
bool sell_kept_find(struct sell *s, int64_t sale_id, struct sell_kept *out);
void sell_kept_free(struct sell_kept *k);

/*
 * Asks the service and answers @r, which is entered (sell_leave follows in the end). @sale: what pays for it (VERIFIED: charged by the answer;
 * SETTLED: paid already), or NULL. @st: the calling thread's, for a sale.
 */
void passage_begin(struct sell *s, struct httpd_request *r, const struct sale_row *sale, struct store *st);
/* Answers @r with what was kept; takes it over. */
void passage_replay(struct sell *s, struct httpd_request *r, const struct sale_row *sale, struct sell_kept *k);
/* Ends every passage's transfer. Under the lock. */
void passages_cancel(struct sell *s);

/* A small page that says what is asked and how it is paid. Everything in it is escaped. */
void sell_page(struct art_buf *out, const struct gate_item *item, const char *url, const char *network, const char *pay_to,
	       const char *error);

#endif
