/* Where the orders of splits are, in memory that outlives the process (a mapped file): for each
 * alias that was drawn from, the beginning of its current segment and the ticket counter itself.
 * Whoever draws a ticket writes to the file by that very addition, so a process that is killed
 * leaves behind just how far it came.
 *
 * An entry describes one segment. It is written before anybody draws from the segment; the entry
 * of the segment before is given back once all threads have left that. Where a process that was
 * killed left several of one alias, the one with the highest serial is the last: its segment began
 * where the others end.
 *
 *     head | class of each block | block | block | ...        a block is 4096 bytes of entries of
 *                                                             one class, which is their size
 *
 * Names are not kept, only hashes: of function and alias (128 bits), of each version (64).
 *
 * Threads: logbook_write, logbook_release and logbook_retire are any thread's and take no lock.
 * logbook_find is for threads that build tables. The rest is the control thread's. */
#ifndef WEIR_ROUTER_LOGBOOK_H
#define WEIR_ROUTER_LOGBOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    LOGBOOK_BLOCK = 4096,
    LOGBOOK_BLOCKS_MAX = 1 << 18,
    LOGBOOK_BYTES_MIN = 1 << 20, /* of a new one */
    LOGBOOK_NONE = 0             /* no entry */
};
static const size_t LOGBOOK_BYTES_MAX =
    (size_t)LOGBOOK_BLOCK * (1 + LOGBOOK_BLOCKS_MAX / LOGBOOK_BLOCK + (size_t)LOGBOOK_BLOCKS_MAX);

struct logbook_key {
    uint64_t halves[2];
};

/* Arrays of nr_arms elements follow it: int64_t errors, uint64_t versions, of a spread segment
 * uint64_t counts, uint32_t weights. All
 * but ticket, state, next and life stay as they are written. */
struct logbook_entry {
    _Atomic uint64_t ticket; /* as in a segment */
    _Atomic uint32_t state;  /* free or used */
    _Atomic uint32_t next;   /* while it is free */
    struct logbook_key key;
    uint64_t place; /* that the segment's order was worked out with */
    uint32_t nr_tickets;
    uint32_t serial;
    _Atomic uint32_t life; /* in which a table last had the alias */
    uint8_t nr_arms;
    uint8_t flags;  /* of the segment */
    uint64_t check; /* a hash of what stays */
};

struct logbook;

/* What stands at the beginning of a new file: LOGBOOK_BLOCK bytes. The rest is zeros. */
void logbook_format(void *head);

/* memory: LOGBOOK_BYTES_MAX bytes of address space, of which the first bytes can be used; the head
 * of the file is there. They belong to the logbook until logbook_close. NULL with a reason, a
 * sentence, where the file is damaged or comes from another version, or out of memory. */
struct logbook *logbook_open(void *memory, size_t bytes, char *reason, size_t reason_size);

/* From now on nothing is given back any more, so that the end of a process leaves what it found. No
 * thread draws any more. */
void logbook_seal(struct logbook *logbook);

/* No split of it is left. Clears the pointer. */
void logbook_close(struct logbook **logbook);

/* How many bytes should be there, so that no alias has to do without an entry; at most
 * LOGBOOK_BYTES_MAX. Then, once they are: */
size_t logbook_wants(const struct logbook *logbook);
void logbook_extend(struct logbook *logbook, size_t bytes);

/* The first table is in force: what no table has asked for goes when the next process does so. */
void logbook_settle(struct logbook *logbook);

/* How many entries are in use. For tests. */
uint32_t logbook_count(const struct logbook *logbook);

struct logbook_key logbook_key(struct str function, struct str alias);
uint64_t logbook_version(struct str name);

/* The last entry that a process before this one left of the alias, or LOGBOOK_NONE. It stays as it
 * is for as long as the process lives. */
uint32_t logbook_find(struct logbook *logbook, struct logbook_key key);

/* The entry of a number that logbook_find gave. */
const struct logbook_entry *logbook_at(const struct logbook *logbook, uint32_t number);

const int64_t *logbook_errors(const struct logbook_entry *entry);
const uint64_t *logbook_versions(const struct logbook_entry *entry);
/* NULL: it has none. */
const uint64_t *logbook_counts(const struct logbook_entry *entry);
const uint32_t *logbook_weights(const struct logbook_entry *entry);

struct logbook_arrays {
    const int64_t *errors;
    const uint64_t *versions, *counts; /* the latter of a spread segment */
    const uint32_t *weights;
};

/* A new entry: what all but life, state and check of *as say, with the arrays. NULL where there is
 * no room: then nothing is kept of the segment. */
struct logbook_entry *logbook_write(struct logbook *logbook, const struct logbook_entry *as,
                                    const struct logbook_arrays *arrays);

/* The serial of an alias that begins afresh: above all that was left of another of its name. */
uint32_t logbook_first_serial(const struct logbook *logbook);

/* Gives an entry back that nobody draws from any more, and clears the pointer. */
void logbook_release(struct logbook *logbook, struct logbook_entry **entry);

/* The place in a fleet to which all that is there belongs; -1: to none. Before the first table:
 * what was left goes (but the place is set by the caller, last), and an entry is as if a process
 * before had left it: 0, or -1 where there is no room or memory. */
int logbook_slot(const struct logbook *logbook);
void logbook_set_slot(struct logbook *logbook, int slot);
void logbook_forget(struct logbook *logbook);
int logbook_import(struct logbook *logbook, const struct logbook_entry *as,
                   const struct logbook_arrays *arrays) __attribute__((warn_unused_result));

/* Another entry has taken the place of this one, which logbook_find gave. */
void logbook_retire(struct logbook *logbook, uint32_t number);

#endif
