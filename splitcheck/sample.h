/* What has come in one run: which version answered, in the order in which the requests were sent,
 * and how long each took. One thread.
 *
 * Answers to several connections come in an order of their own: a slow version's come late, and
 * those of one version in bunches. That would look like a pattern of the split. In the order of the
 * requests independent draws stay independent, whatever each takes. */
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
    uint64_t nr_places; /* of order while requests run: one for each request or, with keys, key */
    uint64_t nr;        /* of order behind sample_seal: those that were answered */
    uint8_t *order;     /* SAMPLE_NO_ARM: not answered */
    uint64_t nr_answers, room; /* that named a version */
    uint8_t *answer_arm;
    float *answer_ms;
    uint64_t nr_keys, inconsistent; /* keys; those that had several versions */
    bool *key_differs;              /* NULL: without keys */
};

enum { SAMPLE_NO_ARM = 255 };

/* Room for so many answers and keys (0: none), and the versions that are expected. False when out
 * of memory; sample_fini either way. */
bool sample_init(struct sample *sample, const struct asked *asked);
void sample_fini(struct sample *sample);

/* The number of a version: a new one if it has not been seen. Those beyond the table's end are one
 * version, "(others)". */
uint32_t sample_arm(struct sample *sample, const char *name);

/* An answer that named its version, to request number so much, from 0. With keys that is also its
 * key's, modulo nr_keys. */
void sample_add(struct sample *sample, uint32_t arm, double ms, uint64_t number);

/* The run is over: what was not answered goes out of the order. Nothing is added any more. */
void sample_seal(struct sample *sample);

#endif
