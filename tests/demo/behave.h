/* What the demo is asked to do with a request: a list of key=value words from the command line (--do), the path, the query
 * and the X-Demo header, in this order, later ones winning. `weir-demo --help` lists the keys from the rows in behave.c. */
#ifndef WEIR_DEMO_BEHAVE_H
#define WEIR_DEMO_BEHAVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"
#include "bytes.h"

enum { BEHAVE_INTERIM_MAX = 16 };

#define BEHAVE_NONE UINT64_MAX /* a number that was not given */

/* Points of a failure that are not a count of body bytes. */
#define BEHAVE_AT_REQUEST (UINT64_MAX - 1) /* as soon as the request's head is there */
#define BEHAVE_AT_START   (UINT64_MAX - 2) /* instead of an answer */
#define BEHAVE_AT_HEAD    (UINT64_MAX - 3) /* in the middle of the answer's head */
#define BEHAVE_AT_END     (UINT64_MAX - 4) /* after the body, before a chunked body's last chunk */

enum behave_expect {
    BEHAVE_EXPECT_AGREE,
    BEHAVE_EXPECT_REFUSE,
    BEHAVE_EXPECT_FINAL,
    BEHAVE_EXPECT_IGNORE
};
enum behave_early { BEHAVE_EARLY_NO, BEHAVE_EARLY_DRAIN, BEHAVE_EARLY_CLOSE };
enum behave_fail { BEHAVE_FAIL_NO, BEHAVE_FAIL_CLOSE, BEHAVE_FAIL_RESET, BEHAVE_FAIL_STALL };

struct behave {
    uint64_t status, size, length, chunk, trailers;
    uint64_t delay, body_delay, pace, pace_ms, read_delay, read_pace, read_pace_ms;
    uint64_t at;
    int expect, early, fail; /* enums above */
    bool body, echo, eof, close, http10, upgrade;
    int nr_interim;
    uint16_t interim[BEHAVE_INTERIM_MAX];
    struct bytes headers; /* header lines to add to the answer, each with its line end */
};

/* Sets everything to its default; keeps the memory of headers. */
void behave_reset(struct behave *behave);
void behave_copy(struct behave *to, const struct behave *from);
void behave_fini(struct behave *behave);

/* Applies words separated by separator. Words that are no key are passed over; the first of them, and the first bad value,
 * is given in *wrong (else empty). */
void behave_apply(struct behave *behave, struct str words, char separator, struct str *wrong);

/* Applies the words that follow a path's segment "_do". */
void behave_apply_path(struct behave *behave, struct str path);

void behave_help(FILE *out);

#endif
