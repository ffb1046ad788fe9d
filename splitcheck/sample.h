/* What has come in one run: which version answered, in order of the answers, and how long each
 * took. One thread. */
#ifndef WEIR_SPLITCHECK_SAMPLE_H
#define WEIR_SPLITCHECK_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "splitcheck/asked.h"

struct sample_arm {
    char name[ASKED_NAME_BYTES];
    uint32_t weight; /* billionths */
};

struct sample {
    struct sample_arm arms[ASKED_VERSIONS_MAX]; /* those expected, then others as they came */
    uint32_t nr_arms, nr_expected;
    uint64_t requests; /* sent; each counts once, also where it had to be sent again */
    uint64_t errors;   /* of those: without an answer, or the answer named no version */
    uint64_t resent; /* of those: again on a new connection, as the server had ended the old one */
    uint64_t nr;     /* of order: one for each answer or, with keys, for each key */
    uint8_t *order;
    uint64_t nr_answers, room; /* that named a version */
    uint8_t *answer_arm;
    float *answer_ms;
    uint64_t nr_keys, inconsistent; /* keys; those that had several versions */
    uint8_t *key_arm;               /* SAMPLE_NO_ARM: no answer yet; NULL: without keys */
    bool *key_differs;
};

enum { SAMPLE_NO_ARM = 255 };

/* Room for so many answers and keys (0: none), and the versions that are expected. False when out
 * of memory; sample_fini either way. */
bool sample_init(struct sample *sample, const struct asked *asked);
void sample_fini(struct sample *sample);

/* The number of a version: a new one if it has not been seen. Those beyond the table's end are one
 * version, "(others)". */
uint32_t sample_arm(struct sample *sample, const char *name);

/* An answer that named its version. The key is below nr_keys where there are keys. */
void sample_add(struct sample *sample, uint32_t arm, double ms, uint64_t key);

#endif
