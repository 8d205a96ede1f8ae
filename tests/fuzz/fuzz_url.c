/*
 * fuzz_url.c - a URL that http_url_parse takes has a host, a port and a path, all plain; putting them together
 * gives the same parts again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/http.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = art_alloc(size + 1, 1), again[2 * HTTP_URL_MAX];
	struct http_url u, v;
	struct art_err err = { 0 };

	memcpy(text, data, size);
	if (http_url_parse(text, &u, &err) == ART_OK) {
		bool six = strchr(u.host, ':') != NULL;

		FUZZ_MUST(u.host[0] && u.path[0] == '/' && u.port > 0 && u.port < 65536);
		FUZZ_MUST(!strcmp(u.scheme, "http") || !strcmp(u.scheme, "https"));
		FUZZ_MUST(!strpbrk(u.host, "/@ \r\n"));
		snprintf(again, sizeof(again), "%s://%s%s%s:%d%s", u.scheme, six ? "[" : "", u.host, six ? "]" : "",
			 u.port, u.path);
		if (strlen(again) < HTTP_URL_MAX && http_url_parse(again, &v, NULL) == ART_OK)
			FUZZ_MUST(!strcmp(u.host, v.host) && u.port == v.port && !strcmp(u.path, v.path));
		(void)http_host_is_loopback(u.host);
	} else {
		FUZZ_MUST(err.code == ART_INVALID && err.text[0]);
	}
	free(text);
	return 0;
}
