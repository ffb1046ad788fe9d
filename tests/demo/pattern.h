/* Body bytes that anyone can check: byte i of a generated body is byte i % PATTERN_PERIOD of one fixed block. The period is
 * prime, so that a body with a piece missing, doubled or moved does not match (tests/system/harness makes the same block). */
#ifndef WEIR_DEMO_PATTERN_H
#define WEIR_DEMO_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATTERN_PERIOD = 65521 };

/* Before any other call. */
void pattern_init(void);

/* Writes n bytes as they stand at offset of a generated body. */
void pattern_fill(char *out, size_t n, uint64_t offset);

bool pattern_matches(const char *p, size_t n, uint64_t offset);

/* CRC-32 as zlib's crc32() gives it; begin with 0. */
uint32_t pattern_crc32(uint32_t crc, const char *p, size_t n);

#endif
