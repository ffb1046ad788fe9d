/* What the fuzz targets share. A target is one function that takes any bytes, feeds them to one part of weir and checks what comes back
 * against a rule or a plain model; where the two differ it ends the process. tests/fuzz/README.md lists them.
 *
 * A target keeps nothing between two inputs that could change what the next one does. */
#ifndef WEIR_TESTS_FUZZ_FUZZ_H
#define WEIR_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_TARGETS(X) X(address) X(invoke) X(payload) X(request) X(response) X(routes) X(settings) X(split) X(table)

/* Each returns 0, as libFuzzer wants it. */
#define X(name) int fuzz_##name(const uint8_t *data, size_t n);
FUZZ_TARGETS(X)
#undef X

/* Ends the process where the condition does not hold. */
#define FUZZ_CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* A number that any change of the bytes changes (FNV-1a): seeds the choices that an input does not spell out. */
static inline uint64_t fuzz_hash(const uint8_t *data, size_t n)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* A terminated copy, to be freed. Its bytes end where its memory does, so that a sanitizer sees who reads on. */
static inline char *fuzz_text(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1);

    FUZZ_CHECK(text);
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    return text;
}

#endif
