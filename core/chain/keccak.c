/*
 * keccak.c - Keccak-256, the permutation unrolled by rows of the reference's steps.
 *
 * Layer: core. State words are little-endian lanes; no table is indexed by data, so time does not tell
 * what was hashed.
 */
#include "core/chain/keccak.h"

#include <string.h>

#define RATE 136

static const uint64_t round_constants[24] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotl(uint64_t x, int n)
{
	return n ? x << n | x >> (64 - n) : x;
}

/* Chi on one row of the lanes B, into row y of the state. */
#define CHI(y, b0, b1, b2, b3, b4)                         \
	do {                                               \
		a[5 * (y) + 0] = (b0) ^ (~(b1) & (b2));    \
		a[5 * (y) + 1] = (b1) ^ (~(b2) & (b3));    \
		a[5 * (y) + 2] = (b2) ^ (~(b3) & (b4));    \
		a[5 * (y) + 3] = (b3) ^ (~(b4) & (b0));    \
		a[5 * (y) + 4] = (b4) ^ (~(b0) & (b1));    \
	} while (0)

static void permute(uint64_t a[25])
{
	for (int r = 0; r < 24; r++) {
		uint64_t c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
		uint64_t c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
		uint64_t c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
		uint64_t c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
		uint64_t c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
		uint64_t d0 = c4 ^ rotl(c1, 1), d1 = c0 ^ rotl(c2, 1), d2 = c1 ^ rotl(c3, 1);
		uint64_t d3 = c2 ^ rotl(c4, 1), d4 = c3 ^ rotl(c0, 1);
		/* Theta, rho and pi at once: lane (x, y) goes rotated to (y, 2x + 3y). */
		uint64_t b00 = a[0] ^ d0, b01 = rotl(a[6] ^ d1, 44), b02 = rotl(a[12] ^ d2, 43);
		uint64_t b03 = rotl(a[18] ^ d3, 21), b04 = rotl(a[24] ^ d4, 14);
		uint64_t b10 = rotl(a[3] ^ d3, 28), b11 = rotl(a[9] ^ d4, 20);
		uint64_t b12 = rotl(a[10] ^ d0, 3), b13 = rotl(a[16] ^ d1, 45);
		uint64_t b14 = rotl(a[22] ^ d2, 61);
		uint64_t b20 = rotl(a[1] ^ d1, 1), b21 = rotl(a[7] ^ d2, 6);
		uint64_t b22 = rotl(a[13] ^ d3, 25), b23 = rotl(a[19] ^ d4, 8);
		uint64_t b24 = rotl(a[20] ^ d0, 18);
		uint64_t b30 = rotl(a[4] ^ d4, 27), b31 = rotl(a[5] ^ d0, 36);
		uint64_t b32 = rotl(a[11] ^ d1, 10), b33 = rotl(a[17] ^ d2, 15);
		uint64_t b34 = rotl(a[23] ^ d3, 56);
		uint64_t b40 = rotl(a[2] ^ d2, 62), b41 = rotl(a[8] ^ d3, 55);
		uint64_t b42 = rotl(a[14] ^ d4, 39), b43 = rotl(a[15] ^ d0, 41);
		uint64_t b44 = rotl(a[21] ^ d1, 2);

		CHI(0, b00, b01, b02, b03, b04);
		CHI(1, b10, b11, b12, b13, b14);
		CHI(2, b20, b21, b22, b23, b24);
		CHI(3, b30, b31, b32, b33, b34);
		CHI(4, b40, b41, b42, b43, b44);
		a[0] ^= round_constants[r];
	}
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

void keccak_begin(struct keccak *k)
{
	memset(k, 0, sizeof(*k));
}

static void absorb_byte(struct keccak *k, uint8_t byte)
{
	k->state[k->at / 8] ^= (uint64_t)byte << (8 * (k->at % 8));
	if (++k->at == RATE) {
		permute(k->state);
		k->at = 0;
	}
}

void keccak_add(struct keccak *k, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n && k->at) {
		absorb_byte(k, *b++);
		n--;
	}
	for (; n >= RATE; n -= RATE, b += RATE) {
		for (int i = 0; i < RATE / 8; i++)
			k->state[i] ^= load64(b + 8 * i);
		permute(k->state);
	}
	for (; n; n--)
		absorb_byte(k, *b++);
}

struct eth_word keccak_end(struct keccak *k)
{
	struct eth_word out;

	k->state[k->at / 8] ^= (uint64_t)1 << (8 * (k->at % 8));
	k->state[RATE / 8 - 1] ^= (uint64_t)1 << 63;
	permute(k->state);
	for (int i = 0; i < 32; i++)
		out.b[i] = (uint8_t)(k->state[i / 8] >> (8 * (i % 8)));
	explicit_bzero(k, sizeof(*k));
	return out;
}

struct eth_word keccak256(const void *p, size_t n)
{
	struct keccak k;

	keccak_begin(&k);
	keccak_add(&k, p, n);
	return keccak_end(&k);
}
