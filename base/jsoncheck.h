/* Is it JSON? Told while the bytes come, piece by piece, in constant memory: a payload is checked
 * (RFC 8259, UTF-8, at most JSONCHECK_DEPTH levels) without being kept or understood.
 *
 * Beside that it sees whether the text is an object with the two members by which Lambda's runtimes
 * tell a failed invocation from another: errorType and errorMessage. Pure. */
#ifndef WEIR_BASE_JSONCHECK_H
#define WEIR_BASE_JSONCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { JSONCHECK_DEPTH = 1000, JSONCHECK_KEY_MAX = 16, JSONCHECK_REASON_MAX = 200 };

/* Zero-initialised it stands before the first byte. */
struct jsoncheck {
    uint8_t state, after; /* of jsoncheck.c; after: where a string or a number goes on */
    bool is_failed;
    bool is_key;             /* the string is a key of the outermost object */
    uint8_t byte;            /* at which it failed */
    uint8_t need, low, high; /* bytes that a character in UTF-8 still needs */
    uint8_t key_len;         /* JSONCHECK_KEY_MAX + 1: longer */
    bool has_error_type, has_error_message;
    bool is_object; /* the outermost value is one */
    uint16_t depth;
    uint64_t offset;      /* bytes taken */
    const char *rest;     /* of true, false or null */
    const char *expected; /* where it failed */
    char key[JSONCHECK_KEY_MAX];
    uint64_t arrays[(JSONCHECK_DEPTH + 63) / 64]; /* a bit for each level that is an array */
};

/* Takes the next bytes. False where they cannot belong to a JSON text; it stays so then. */
bool jsoncheck_feed(struct jsoncheck *check, struct str bytes);

/* There are no more bytes: whether they were one JSON text. No byte at all is none. */
bool jsoncheck_end(struct jsoncheck *check);

/* After a failure: one sentence on what is wrong where, terminated. */
void jsoncheck_reason(const struct jsoncheck *check, char out[JSONCHECK_REASON_MAX]);

/* After jsoncheck_end: an object with errorType and errorMessage. */
static inline bool jsoncheck_is_error(const struct jsoncheck *check)
{
    return !check->is_failed && check->is_object && check->has_error_type &&
           check->has_error_message;
}

#endif
