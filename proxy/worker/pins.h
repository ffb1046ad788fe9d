/* Attempts of one call: an AWS SDK sends the same amz-sdk-invocation-id with each of them. The
 * version that the first one drew is remembered here for a while, over all workers, so that the
 * others run it and draw nothing.
 *
 * Bounded: PINS_SETS sets of PINS_WAYS pins. Which set a call belongs to, its hash decides; where
 * that is full of pins that still hold, the one that would end first is forgotten. A set is read
 * and written under one of PINS_LOCKS locks. Any thread. */
#ifndef WEIR_PROXY_WORKER_PINS_H
#define WEIR_PROXY_WORKER_PINS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { PINS_SETS = 8192, PINS_WAYS = 8, PINS_LOCKS = 64 };

struct pin {
    uint64_t key;
    uint64_t until_ms; /* 0: never used */
    uint64_t version;
};

struct pins {
    uint64_t seed;                 /* random */
    struct pin (*sets)[PINS_WAYS]; /* NULL: memory was short, nothing is remembered */
    struct {
        _Alignas(64) pthread_mutex_t mutex;
    } locks[PINS_LOCKS];
};

void pins_init(struct pins *pins);
void pins_fini(struct pins *pins);

/* Names a call: the id that its client gave it, and what it invokes. */
uint64_t pins_key(const struct pins *pins, struct str id, struct str function,
                  struct str qualifier);

/* The version that a call is pinned to. False where it is to none. */
bool pins_find(struct pins *pins, uint64_t key, uint64_t now_ms, uint64_t *version);

/* Pins a call to a version, unless it is pinned already. */
void pins_keep(struct pins *pins, uint64_t key, uint64_t now_ms, uint64_t until_ms,
               uint64_t version);

/* A version's name as a number: $LATEST is 0. False where it is too large for one. */
bool pins_version(struct str name, uint64_t *version);

#endif
