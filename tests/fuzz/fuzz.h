/*
 * fuzz.h - what the fuzz targets share: the entry point and the check that must hold.
 *
 * Every fuzz_<name>.c is one LLVMFuzzerTestOneInput. clang's libFuzzer drives it in `make fuzz`;
 * replay.c drives it over tests/fuzz/corpus/<name>/ in `make check`, with any compiler. A target
 * takes any bytes, and a property that does not hold aborts.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "store/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_MUST(cond) ART_BUG_ON(!(cond))

#endif
