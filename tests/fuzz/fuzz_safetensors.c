/*
 * fuzz_safetensors.c - a checkpoint file of any bytes is refused, or all it says can be read, and
 * written again it says the same.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "worker/train/ckpt.h"

/* Tensors cover the file's end without gap, have names of their own, and every float is there. */
static void must_be_sound(const struct ckpt *c)
{
	const float *next = ckpt_count(c) ? ckpt_tensor(c, 0)->data : NULL;
	volatile float sink = 0;

	for (int i = 0; i < ckpt_count(c); i++) {
		const struct ckpt_tensor *t = ckpt_tensor(c, i);
		size_t n = t->n_dims == 2 ? (size_t)t->dims[0] * (size_t)t->dims[1] : (size_t)t->dims[0];

		FUZZ_MUST(t->count == n && t->data == next && ckpt_find(c, t->name) == t);
		for (size_t k = 0; k < t->count; k++)
			sink = t->data[k];
		next += t->count;
	}
	(void)sink;
}

static void must_rewrite(const struct ckpt *c)
{
	struct ckpt_tensor *t = art_alloc((size_t)ckpt_count(c) + 1, sizeof(*t));
	char path[64];
	struct ckpt *again = NULL;
	struct art_err err = { 0 };

	snprintf(path, sizeof(path), "/dev/shm/artui-fuzz-%ld.safetensors", (long)getpid());
	for (int i = 0; i < ckpt_count(c); i++)
		t[i] = *ckpt_tensor(c, i);
	FUZZ_MUST(ckpt_write(path, ckpt_meta(c), t, ckpt_count(c), &err) == ART_OK);
	FUZZ_MUST(ckpt_open(&again, path, &err) == ART_OK && ckpt_count(again) == ckpt_count(c));
	FUZZ_MUST(ckpt_meta(again)->steps == ckpt_meta(c)->steps &&
		  ckpt_meta(again)->seed == ckpt_meta(c)->seed);
	for (int i = 0; i < ckpt_count(c); i++) {
		const struct ckpt_tensor *a = ckpt_tensor(again, i);

		FUZZ_MUST(!strcmp(a->name, t[i].name) && a->count == t[i].count);
		FUZZ_MUST(!memcmp(a->data, t[i].data, a->count * sizeof(float)));
	}
	ckpt_close(again);
	unlink(path);
	free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("checkpoint", MFD_CLOEXEC);
	struct ckpt *c = NULL;
	struct art_err err = { 0 };
	char path[64];

	FUZZ_MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ckpt_open(&c, path, &err) == ART_OK) {
		must_be_sound(c);
		must_rewrite(c);
	} else {
		FUZZ_MUST(err.code == ART_CORRUPT && err.text[0]);
	}
	ckpt_close(c);
	close(fd);
	return 0;
}
