/*
 * sell_page.c - what a browser is shown that asks for something that is paid. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "worker/serve/sell_private.h"

static void put_escaped(struct art_buf *b, const char *text)
{
	char clean[2048];

	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	for (const char *p = clean; *p; p++) {
		switch (*p) {
		case '<':
			art_buf_put(b, "&lt;");
			break;
		case '>':
			art_buf_put(b, "&gt;");
			break;
		case '&':
			art_buf_put(b, "&amp;");
			break;
		case '"':
			art_buf_put(b, "&quot;");
			break;
		case '\'':
			art_buf_put(b, "&#39;");
			break;
		default:
			art_buf_putf(b, "%c", *p);
		}
	}
}

/* For a shell, in quotes that nothing in the URL ends. */
static void put_url(struct art_buf *b, const char *url)
{
	struct art_buf quoted;

	art_buf_init(&quoted, 8192);
	for (const char *p = url; *p; p++)
		art_buf_putf(&quoted, *p == '\'' ? "%%27" : "%c", *p);
	art_buf_put(b, "&#39;");
	put_escaped(b, quoted.data ? quoted.data : "");
	art_buf_put(b, "&#39;");
	art_buf_destroy(&quoted);
}

static void put_row(struct art_buf *b, const char *name, const char *value)
{
	art_buf_putf(b, "<tr><th>%s</th><td>", name);
	put_escaped(b, value);
	art_buf_put(b, "</td></tr>\n");
}

void sell_page(struct art_buf *out, const struct gate_item *item, const char *url, const char *network, const char *pay_to,
	       const char *error)
{
	char money[MONEY_TEXT], price[MONEY_TEXT + 8];

	snprintf(price, sizeof(price), "%s USDC", usdc_text(item->price, money));
	art_buf_put(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Payment required</title>\n"
			 "<style>body{font:16px/1.5 sans-serif;max-width:44em;margin:3em auto;padding:0 1em}th{text-align:left;"
			 "padding-right:1em;vertical-align:top}td,code{overflow-wrap:anywhere}</style></head>\n<body><h1>Payment required</h1>\n<p>");
	put_escaped(out, item->description);
	art_buf_put(out, "</p>\n<table>\n");
	put_row(out, "Price", price);
	put_row(out, "Network", network);
	put_row(out, "Paid to", pay_to);
	put_row(out, "Status", error);
	art_buf_put(out, "</table>\n<p>It is paid over the x402 protocol, by any program that speaks it:</p>\n<pre><code>artui fetch ");
	put_url(out, url);
	art_buf_put(out, "</code></pre>\n</body></html>\n");
}
