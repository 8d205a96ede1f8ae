/*
 * gemm_amx.h - products by tdpbf16ps: a 32 x 32 block of C in four tiles.
 *
 * Tiles 0-3 accumulate, 4-5 hold two 16-row tiles of A, 6-7 two 16-column tiles of B. A tile row
 * of A is 32 bf16 of one row; a tile row of B is one pair of 16 columns, exactly a line of strips.
 * For tn the strips of A are turned into such tiles by a 16 x 16 transposition of pairs.
 */
#ifndef TRAIN_KERNEL_GEMM_H
#define TRAIN_KERNEL_GEMM_H

#include "worker/train/kernel/simd.h"

#define KC 512 /* k done at a time: A's tiles of a panel are 32 KiB */

/* Palette 1: eight tiles of 16 rows by 64 bytes. The layout is the processor's. */
struct tile_config {
	uint8_t palette, start_row, reserved[14];
	uint16_t row_bytes[16];
	uint8_t rows[16];
};

INL void kernel_begin(void)
{
	struct tile_config c = { .palette = 1 };
	int i;

	for (i = 0; i < 8; i++) {
		c.row_bytes[i] = 64;
		c.rows[i] = 16;
	}
	_tile_loadconfig(&c);
}

INL void kernel_end(void)
{
	_tile_release();
}

/* A: two columns of tiles, @a0 and @a1, a tile every @step elements, rows @row_bytes apart */
INL void block_32x32(int tiles, const uint16_t *a0, const uint16_t *a1, size_t step,
		     size_t row_bytes, const uint16_t *b, size_t ldb, float *c, size_t ldc, bool add)
{
	const uint16_t *b1 = b + ldb;
	float *low = c + 16 * ldc;
	int t;

	if (add) {
		_tile_loadd(0, c, ldc * 4);
		_tile_loadd(1, c + 16, ldc * 4);
		_tile_loadd(2, low, ldc * 4);
		_tile_loadd(3, low + 16, ldc * 4);
	} else {
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
	}
	for (t = 0; t < tiles; t++) {
		_tile_loadd(4, a0 + (size_t)t * step, row_bytes);
		_tile_loadd(6, b + (size_t)t * 512, 64);
		_tile_dpbf16ps(0, 4, 6);
		_tile_loadd(7, b1 + (size_t)t * 512, 64);
		_tile_dpbf16ps(1, 4, 7);
		_tile_loadd(5, a1 + (size_t)t * step, row_bytes);
		_tile_dpbf16ps(2, 5, 6);
		_tile_dpbf16ps(3, 5, 7);
	}
	_tile_stored(0, c, ldc * 4);
	_tile_stored(1, c + 16, ldc * 4);
	_tile_stored(2, low, ldc * 4);
	_tile_stored(3, low + 16, ldc * 4);
}

/* Panel rows copied together first: rows a power of two apart would share cache sets. */
static void gemm_nn(const struct gemm_args *g)
{
	uint16_t a[PANEL * KC] __attribute__((aligned(64)));
	int i, j, k0, r, t;

	for (k0 = 0; k0 < g->k; k0 += KC) {
		int kc = g->k - k0 < KC ? g->k - k0 : KC, tiles = kc / 32;

		for (i = 0; i < g->m; i += PANEL) {
			for (r = 0; r < PANEL; r++)
				for (t = 0; t < tiles; t++)
					_mm512_store_si512(
						a + ((r / 16) * tiles + t) * 512 + (r % 16) * 32,
						_mm512_loadu_si512(g->a + (size_t)(i + r) * g->lda + k0 + t * 32));
			for (j = 0; j < g->n; j += 32)
				block_32x32(tiles, a, a + tiles * 512, 512, 64,
					    g->b + (size_t)(j / 16) * g->ldb + (size_t)k0 * 16, g->ldb,
					    g->c + (size_t)i * g->ldc + j, g->ldc, g->add || k0);
		}
	}
}

static void gemm_tn(const struct gemm_args *g)
{
	uint16_t a[PANEL * KC] __attribute__((aligned(64)));
	int h, i, j, k0, t;

	for (k0 = 0; k0 < g->k; k0 += KC) {
		int kc = g->k - k0 < KC ? g->k - k0 : KC, tiles = kc / 32;

		for (i = 0; i < g->m; i += PANEL) {
			for (h = 0; h < 2; h++)
				for (t = 0; t < tiles; t++)
					transpose16(g->a + (size_t)(i / 16 + h) * g->lda +
							    (size_t)(k0 + t * 32) * 16,
						    16, a + (h * tiles + t) * 512, 16);
			for (j = 0; j < g->n; j += 32)
				block_32x32(tiles, a, a + tiles * 512, 512, 64,
					    g->b + (size_t)(j / 16) * g->ldb + (size_t)k0 * 16, g->ldb,
					    g->c + (size_t)i * g->ldc + j, g->ldc, g->add || k0);
		}
	}
}

static double kernel_peak_pass(int64_t n)
{
	int64_t i;

	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	_tile_zero(4);
	_tile_zero(5);
	_tile_zero(6);
	_tile_zero(7);
	for (i = 0; i < n; i++) {
		_tile_dpbf16ps(0, 4, 6);
		_tile_dpbf16ps(1, 4, 7);
		_tile_dpbf16ps(2, 5, 6);
		_tile_dpbf16ps(3, 5, 7);
	}
	return 4.0 * 16 * 16 * 32 * 2 * (double)n;
}

#endif
