/*
 * simd.h - the few vector words the CPU kernels are written in, at the width of the file's -m flags.
 *
 * Layer: worker/train, inside kernel_*.c only (each includes it under its own flags). Compiled
 * with no flags this is plain C on 4-float vectors: no intrinsics, any processor gcc or clang knows.
 *
 * "Half" is the file's 16-bit format, in which everything packed is kept: bf16, the upper half of an
 * IEEE float (8 bits of mantissa, float's range), or under AVX512_FP16 IEEE binary16 (11 bits, up to
 * 65504, nothing below 6e-8). Rounded to nearest even; NaN stays NaN.
 *
 * "Strips": the packed form of a matrix whose rows are summed over in a product. Columns are cut
 * into strips of 16; inside a strip rows go by pairs, and one pair is 16 x 2 halves = 64 bytes:
 *   element (row, col) = base[(col / 16) * stride + (row / 2) * 32 + (col % 16) * 2 + row % 2]
 */
#ifndef TRAIN_KERNEL_SIMD_H
#define TRAIN_KERNEL_SIMD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define INL static inline __attribute__((always_inline, unused))

/* Before a loop of at most 16 turns over registers */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__AVX512F__)
#define VW 16
#elif defined(__AVX2__)
#define VW 8
#else
#define VW 4
#endif

typedef float vf __attribute__((vector_size(VW * 4)));
typedef int32_t vi __attribute__((vector_size(VW * 4)));
typedef uint32_t vu __attribute__((vector_size(VW * 4)));
typedef uint16_t vh __attribute__((vector_size(VW * 2)));
typedef float vf_any __attribute__((vector_size(VW * 4), aligned(4), may_alias));
typedef uint32_t vu_any __attribute__((vector_size(VW * 4), aligned(4), may_alias));
typedef uint16_t vh_any __attribute__((vector_size(VW * 2), aligned(2), may_alias));

INL vf vset(float x)
{
	return x - (vf){ 0 };
}

INL vu vsetu(uint32_t x)
{
	return x - (vu){ 0 };
}

INL vf vload(const float *p)
{
	return *(const vf_any *)p;
}

INL void vstore(float *p, vf x)
{
	*(vf_any *)p = x;
}

INL vf vload_half(const uint16_t *p)
{
#if defined(__AVX512FP16__)
	return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
#elif VW == 8
	/* said outright: gcc 12 makes five instructions of the conversion below */
	__m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));

	return (vf)_mm256_slli_epi32(wide, 16);
#else
	return (vf)(__builtin_convertvector(*(const vh_any *)p, vu) << 16);
#endif
}

/* mask is all ones or all zeros a lane */
INL vf vselect(vi mask, vf yes, vf no)
{
	return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

INL float half_to_float(uint16_t x)
{
#if defined(__AVX512FP16__)
	return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(x)));
#else
	uint32_t u = (uint32_t)x << 16;
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
#endif
}

INL uint16_t half_from_float(float f)
{
#if defined(__AVX512FP16__)
	return (uint16_t)_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(f), _MM_FROUND_TO_NEAREST_INT));
#else
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	if (f != f)
		return 0x7fc0;
	return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
#endif
}

/* Rounded to bf16, left in the upper half of each lane. */
INL vu vround_bf16(vf x)
{
	vu u = (vu)x;
	vu r = u + vsetu(0x7fff) + ((u >> 16) & vsetu(1));

	return (vu)vselect((vi)(x != x), (vf)vsetu(0x7fc00000), (vf)r);
}

INL void vstore_half(uint16_t *p, vf x)
{
#if defined(__AVX512FP16__)
	_mm256_storeu_si256((__m256i *)(void *)p,
			    _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__AVX512BF16__)
	_mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh((__m512)x));
#elif defined(__AVX512F__)
	_mm256_storeu_si256((__m256i *)(void *)p,
			    _mm512_cvtepi32_epi16((__m512i)(vround_bf16(x) >> 16)));
#elif VW == 8
	__m256i u = (__m256i)(vround_bf16(x) >> 16);

	_mm_storeu_si128((__m128i *)(void *)p, _mm_packus_epi32(_mm256_castsi256_si128(u),
								_mm256_extracti128_si256(u, 1)));
#else
	*(vh_any *)p = __builtin_convertvector(vround_bf16(x) >> 16, vh);
#endif
}

/* One column run of two neighbouring rows, into and out of strips. */
INL void vstore_pair(uint16_t *p, vf even, vf odd)
{
#if defined(__AVX512BF16__) || defined(__AVX512FP16__)
	const __m512i weave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25,
					       9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2,
					       17, 1, 16, 0);
#if defined(__AVX512FP16__)
	__m512i both = _mm512_inserti64x4(
		_mm512_castsi256_si512(_mm512_cvtps_ph((__m512)even, _MM_FROUND_TO_NEAREST_INT)),
		_mm512_cvtps_ph((__m512)odd, _MM_FROUND_TO_NEAREST_INT), 1);
#else
	__m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
#endif

	_mm512_storeu_si512(p, _mm512_permutexvar_epi16(weave, both));
#else
	*(vu_any *)(void *)p = (vround_bf16(even) >> 16) | (vround_bf16(odd) & vsetu(0xffff0000));
#endif
}

INL void vload_pair(const uint16_t *p, vf *even, vf *odd)
{
#if defined(__AVX512FP16__)
	__m512i u = _mm512_loadu_si512(p);

	*even = (vf)_mm512_cvtph_ps(_mm512_cvtepi32_epi16(u));
	*odd = (vf)_mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(u, 16)));
#else
	vu u = *(const vu_any *)(const void *)p;

	*even = (vf)(u << 16);
	*odd = (vf)(u & vsetu(0xffff0000));
#endif
}

/* Address of (pair of rows, column) in strips; @col a multiple of VW. */
INL uint16_t *strip_at(uint16_t *base, size_t stride, size_t pair, int col)
{
	return base + (size_t)(col / 16) * stride + pair * 32 + (size_t)(col % 16) * 2;
}

INL const uint16_t *strip_get(const uint16_t *base, size_t stride, size_t pair, int col)
{
	return base + (size_t)(col / 16) * stride + pair * 32 + (size_t)(col % 16) * 2;
}

INL float vsum(vf x)
{
#if defined(__AVX512F__)
	return _mm512_reduce_add_ps((__m512)x);
#else
	float s = 0;
	int i;

	for (i = 0; i < VW; i++)
		s += x[i];
	return s;
#endif
}

INL vf vsqrt(vf x)
{
#if defined(__AVX512F__)
	return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
	return (vf)_mm256_sqrt_ps((__m256)x);
#else
	int i;

	for (i = 0; i < VW; i++)
		x[i] = sqrtf(x[i]);
	return x;
#endif
}

/* max(x, 0) that lets NaN through */
INL vf vrelu(vf x)
{
	return (vf)(~(vi)(x < vset(0)) & (vi)x);
}

INL vi viota(void)
{
#if VW == 16
	return (vi){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
#elif VW == 8
	return (vi){ 0, 1, 2, 3, 4, 5, 6, 7 };
#else
	return (vi){ 0, 1, 2, 3 };
#endif
}

/*
 * 2^x by the degree 5 polynomial of least relative error on [-1/2, 1/2]: 3e-7 with rounding.
 * Clamped to [2^-126, 2^126]; NaN stays NaN (the power of two is multiplied in, never added to
 * the exponent bits).
 */
INL vf vexp2(vf x)
{
	const vf magic = vset(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
	vf n, f, p;
	vi e;

	x = vselect((vi)(x < vset(-126.0f)), vset(-126.0f), x);
	x = vselect((vi)(x > vset(126.0f)), vset(126.0f), x);
	n = x + magic;
	e = (vi)n - (vi)magic;
	f = x - (n - magic);
	p = vset(1.327647198e-3f);
	p = p * f + vset(9.675541334e-3f);
	p = p * f + vset(5.550713274e-2f);
	p = p * f + vset(2.402211972e-1f);
	p = p * f + vset(6.931469671e-1f);
	p = p * f + vset(1.000000072f);
	return p * (vf)((e + 127) << 23);
}

#if defined(__AVX512F__)
INL void transpose16_zmm(__m512i r[16])
{
	__m512i t[16];
	int i, q;

	for (i = 0; i < 16; i += 4) {
		t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
		t[i + 2] = _mm512_unpacklo_epi32(r[i + 2], r[i + 3]);
		t[i + 3] = _mm512_unpackhi_epi32(r[i + 2], r[i + 3]);
		r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (q = 0; q < 4; q++) {
		__m512i a = _mm512_shuffle_i32x4(r[q], r[q + 4], 0x88);
		__m512i b = _mm512_shuffle_i32x4(r[q], r[q + 4], 0xdd);
		__m512i c = _mm512_shuffle_i32x4(r[q + 8], r[q + 12], 0x88);
		__m512i d = _mm512_shuffle_i32x4(r[q + 8], r[q + 12], 0xdd);

		t[q] = _mm512_shuffle_i32x4(a, c, 0x88);
		t[q + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
		t[q + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
		t[q + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
	}
	for (i = 0; i < 16; i++)
		r[i] = t[i];
}
#endif

/* 16 x 16 four-byte words, rows of @src becoming columns of @dst; strides in words. */
INL void transpose16(const void *src, size_t src_stride, void *dst, size_t dst_stride)
{
#if defined(__AVX512F__)
	__m512i r[16];
	int i;

	for (i = 0; i < 16; i++)
		r[i] = _mm512_loadu_si512((const char *)src + (size_t)i * src_stride * 4);
	transpose16_zmm(r);
	for (i = 0; i < 16; i++)
		_mm512_storeu_si512((char *)dst + (size_t)i * dst_stride * 4, r[i]);
#elif defined(__AVX2__)
	int bi, bj, i;

	for (bi = 0; bi < 16; bi += 8) {
		for (bj = 0; bj < 16; bj += 8) {
			const char *s = (const char *)src + ((size_t)bi * src_stride + (size_t)bj) * 4;
			char *d = (char *)dst + ((size_t)bj * dst_stride + (size_t)bi) * 4;
			__m256 r[8], t[8];

			for (i = 0; i < 8; i++)
				r[i] = _mm256_loadu_ps((const float *)(const void *)(s + (size_t)i * src_stride * 4));
			for (i = 0; i < 8; i += 2) {
				t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
				t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
			}
			for (i = 0; i < 8; i += 4) {
				r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
				r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
				r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
				r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
			}
			for (i = 0; i < 4; i++) {
				_mm256_storeu_ps((float *)(void *)(d + (size_t)i * dst_stride * 4),
						 _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
				_mm256_storeu_ps((float *)(void *)(d + (size_t)(i + 4) * dst_stride * 4),
						 _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
			}
		}
	}
#else
	size_t i, j;

	for (i = 0; i < 16; i++)
		for (j = 0; j < 16; j++)
			memcpy((char *)dst + (j * dst_stride + i) * 4,
			       (const char *)src + (i * src_stride + j) * 4, 4);
#endif
}

#endif
