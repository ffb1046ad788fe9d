/* What budgets and guards have seen (router/ward.h), in memory that outlives the process (a mapped
 * file): for each canary the invocations of it that have failed, and the evidence. What a failure
 * changes stands there before it is answered, so that kill -9 forgets none that somebody has seen.
 *
 *     head | slot | slot | ...
 *
 * Names are not kept, only a hash of function, alias and version (128 bits).
 *
 * Threads: slots are taken and given back by any thread, under a lock; what stands in one is its
 * ward's. The rest is the control thread's. */
#ifndef WEIR_ROUTER_WARDBOOK_H
#define WEIR_ROUTER_WARDBOOK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "experiment/guard.h"

enum { WARDBOOK_HEAD = 4096, WARDBOOK_BYTES = 1 << 18 };
extern const uint32_t wardbook_room; /* so many canaries */

struct wardbook_key {
    uint64_t halves[2];
};

struct wardbook_slot {
    _Alignas(64) _Atomic uint32_t state; /* of wardbook.c */
    uint32_t serial;                     /* a later one of the same key has a higher one */
    struct wardbook_key key;
    _Atomic uint32_t failed;
    _Atomic uint32_t cause; /* enum ward_cause */
    uint32_t nr_errors, nr_first_errors;
    struct guard guard;
};

struct wardbook;

/* What stands at the beginning of a new file: WARDBOOK_HEAD bytes. The rest is zeros. */
void wardbook_format(void *head);

/* memory: WARDBOOK_BYTES. They belong to the book until wardbook_close. NULL with a reason, a
 * sentence, where the file is damaged or comes from another version, or out of memory. */
struct wardbook *wardbook_open(void *memory, char *reason, size_t reason_size);

/* The first table is in force: what it has not asked for is forgotten. */
void wardbook_settle(struct wardbook *book);
/* From now on nothing is given back any more: the end of the process leaves what it found. */
void wardbook_seal(struct wardbook *book);
/* No ward is left. Clears the pointer. */
void wardbook_close(struct wardbook **book);

struct wardbook_key wardbook_key(struct str function, struct str alias, struct str version);

/* The slot that a process before this one has left of a canary; NULL: none. */
struct wardbook_slot *wardbook_find(struct wardbook *book, struct wardbook_key key);
/* A new one, all zero; NULL where there is no room: then nothing is kept of it. */
struct wardbook_slot *wardbook_take(struct wardbook *book, struct wardbook_key key);
/* How many canaries found no room, since the book was opened. Any thread. */
uint32_t wardbook_nr_lost(const struct wardbook *book);
/* Its version has left the alias, or is in it (again, as a table was thrown away). */
void wardbook_rest(struct wardbook_slot *slot, bool is_resting);
/* Gives a slot back that no ward has any more, and clears the pointer. */
void wardbook_release(struct wardbook *book, struct wardbook_slot **slot);

#endif
