/* Free entries of a class, and free blocks, are stacks (Treiber 1986): the head is the number of
 * the first one with a count that makes each head another, so that a compare-and-swap sees what
 * happened meanwhile. Numbers count units of the smallest entry from the file's beginning, where
 * there is no entry: 0 is none. */
#include "router/logbook.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flathash.h"
#include "router/hash.h"
#include "router/segment.h"

enum {
    UNIT = 128,
    UNITS_A_BLOCK = LOGBOOK_BLOCK / UNIT,
    NR_CLASSES = 5, /* 128, 256, ... 2048 bytes */
    ARM_BYTES = sizeof(int64_t) + sizeof(uint64_t) + sizeof(uint32_t),
    SPREAD_ARM_BYTES = ARM_BYTES + sizeof(uint64_t),
    FLAGS = SEGMENT_COUNTED | SEGMENT_SPREAD | SEGMENT_DISTURBED,
    BLOCKS_BEFORE = 1 + LOGBOOK_BLOCKS_MAX / LOGBOOK_BLOCK, /* head and classes */
    SPARE_BLOCKS = 128,                                     /* at least so many */
    VERSION = 1,
    ORDER = 0x01020304, /* of bytes */
    FREE = 0,
    USED = 0x75736564
};
static const char magic[8] = "weirsplt";

_Static_assert(sizeof(struct logbook_entry) == 64, "the ticket has its cache line's first bytes");
_Static_assert(64 + SEGMENT_ARMS_MAX * SPREAD_ARM_BYTES <= UNIT << (NR_CLASSES - 1),
               "all arms fit");

struct head {
    char magic[8];
    uint32_t version, order;
    _Atomic uint32_t life;
    _Atomic uint32_t slot_after; /* the place in a fleet and one; 0: none */
};

struct logbook {
    uint8_t *memory;
    struct head *head;
    _Atomic uint8_t *classes; /* of the blocks: from 1; 0 has none yet */
    uint32_t life;            /* of what is written and asked for */
    uint32_t nr_blocks;
    _Atomic bool is_sealed;
    _Atomic uint32_t highest; /* serial of all */
    struct flathash found;    /* entries that were there, by their keys */
    _Atomic uint32_t nr_free_blocks, nr_used;
    _Alignas(64) _Atomic uint64_t free_blocks;
    _Alignas(64) _Atomic uint64_t free_entries[NR_CLASSES];
};

static struct logbook_entry *entry_at(const struct logbook *logbook, uint32_t number)
{
    return (struct logbook_entry *)(logbook->memory + (size_t)number * UNIT);
}

static uint32_t number_of(const struct logbook *logbook, const struct logbook_entry *entry)
{
    return (uint32_t)((size_t)((const uint8_t *)entry - logbook->memory) / UNIT);
}

static uint32_t first_number(uint32_t block)
{
    return (BLOCKS_BEFORE + block) * UNITS_A_BLOCK;
}

static size_t array_bytes(const struct logbook_entry *entry)
{
    return (size_t)entry->nr_arms *
           (size_t)(entry->flags & SEGMENT_SPREAD ? SPREAD_ARM_BYTES : ARM_BYTES);
}

static int class_of(const struct logbook_entry *entry)
{
    size_t bytes = sizeof(struct logbook_entry) + array_bytes(entry);
    int class = 0;

    while ((size_t)UNIT << class < bytes)
        class ++;
    return class;
}

const int64_t *logbook_errors(const struct logbook_entry *entry)
{
    return (const int64_t *)(entry + 1);
}

const uint64_t *logbook_versions(const struct logbook_entry *entry)
{
    return (const uint64_t *)(logbook_errors(entry) + entry->nr_arms);
}

const uint64_t *logbook_counts(const struct logbook_entry *entry)
{
    return entry->flags & SEGMENT_SPREAD ? logbook_versions(entry) + entry->nr_arms : NULL;
}

const uint32_t *logbook_weights(const struct logbook_entry *entry)
{
    const uint64_t *counts = logbook_counts(entry);

    return (const uint32_t *)((counts ? counts : logbook_versions(entry)) + entry->nr_arms);
}

struct logbook_key logbook_key(struct str function, struct str alias)
{
    uint64_t low = hash_str(alias, hash_str(function, 1));

    return (struct logbook_key){{low, hash_str(alias, hash_str(function, 2))}};
}

uint64_t logbook_version(struct str name)
{
    return hash_str(name, 0);
}

/* ---- Stacks ---------------------------------------------------------------------------------- */

static void push(const struct logbook *logbook, _Atomic uint64_t *stack, uint32_t number)
{
    uint64_t head = atomic_load(stack), next;

    do {
        atomic_store_explicit(&entry_at(logbook, number)->next, (uint32_t)head,
                              memory_order_relaxed);
        next = ((head >> 32) + 1) << 32 | number;
    } while (!atomic_compare_exchange_weak(stack, &head, next));
}

static uint32_t pop(const struct logbook *logbook, _Atomic uint64_t *stack)
{
    uint64_t head = atomic_load(stack), next;

    do {
        if ((uint32_t)head == LOGBOOK_NONE)
            return LOGBOOK_NONE;
        next = ((head >> 32) + 1) << 32 |
               atomic_load_explicit(&entry_at(logbook, (uint32_t)head)->next, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(stack, &head, next));
    return (uint32_t)head;
}

/* Makes a free block one of the class. false: there is none. */
static bool carve(struct logbook *logbook, int class)
{
    uint32_t number = pop(logbook, &logbook->free_blocks);

    if (number == LOGBOOK_NONE)
        return false;
    atomic_fetch_sub(&logbook->nr_free_blocks, 1);
    /* Only then is it looked at, by the next process. */
    for (uint32_t i = 0; i < UNITS_A_BLOCK; i += 1u << class)
        atomic_store(&entry_at(logbook, number + i)->state, FREE);
    atomic_store(&logbook->classes[number / UNITS_A_BLOCK - BLOCKS_BEFORE], (uint8_t)(class + 1));
    for (uint32_t i = 0; i < UNITS_A_BLOCK; i += 1u << class)
        push(logbook, &logbook->free_entries[class], number + i);
    return true;
}

/* ---- Entries --------------------------------------------------------------------------------- */

static uint64_t check_of(const struct logbook_entry *entry)
{
    struct {
        struct logbook_key key;
        uint64_t place;
        uint32_t nr_tickets, serial;
        uint64_t nr_arms, flags;
    } fixed = {entry->key,    entry->place,   entry->nr_tickets,
               entry->serial, entry->nr_arms, entry->flags};
    size_t n = array_bytes(entry);

    return hash_str((struct str){(const char *)(entry + 1), n},
                    hash_str((struct str){(const char *)&fixed, sizeof(fixed)}, 0));
}

static void note_serial(struct logbook *logbook, uint32_t serial)
{
    uint32_t highest = atomic_load(&logbook->highest);

    while (serial > highest && !atomic_compare_exchange_weak(&logbook->highest, &highest, serial))
        ;
}

uint32_t logbook_first_serial(const struct logbook *logbook)
{
    return atomic_load(&logbook->highest) + 1;
}

struct logbook_entry *logbook_write(struct logbook *logbook, const struct logbook_entry *as,
                                    const struct logbook_arrays *arrays)
{
    int class = class_of(as);
    size_t nr = as->nr_arms;
    struct logbook_entry *entry;
    uint32_t number;

    do
        number = pop(logbook, &logbook->free_entries[class]);
    while (number == LOGBOOK_NONE && carve(logbook, class));
    if (number == LOGBOOK_NONE)
        return NULL;
    entry = entry_at(logbook, number);
    atomic_store_explicit(&entry->ticket, atomic_load(&as->ticket), memory_order_relaxed);
    entry->key = as->key;
    entry->place = as->place;
    entry->nr_tickets = as->nr_tickets;
    entry->serial = as->serial;
    entry->nr_arms = as->nr_arms;
    entry->flags = as->flags;
    atomic_store_explicit(&entry->life, logbook->life, memory_order_relaxed);
    memcpy((void *)(uintptr_t)logbook_errors(entry), arrays->errors, nr * sizeof(int64_t));
    memcpy((void *)(uintptr_t)logbook_versions(entry), arrays->versions, nr * sizeof(uint64_t));
    if (logbook_counts(entry))
        memcpy((void *)(uintptr_t)logbook_counts(entry), arrays->counts, nr * sizeof(uint64_t));
    memcpy((void *)(uintptr_t)logbook_weights(entry), arrays->weights, nr * sizeof(uint32_t));
    entry->check = check_of(entry);
    note_serial(logbook, as->serial);
    /* Whoever finds it used finds it whole. */
    atomic_store_explicit(&entry->state, USED, memory_order_release);
    atomic_fetch_add_explicit(&logbook->nr_used, 1, memory_order_relaxed);
    return entry;
}

void logbook_release(struct logbook *logbook, struct logbook_entry **entry)
{
    struct logbook_entry *e = *entry;

    *entry = NULL;
    if (logbook->is_sealed)
        return;
    assert(atomic_load(&e->state) == USED);
    atomic_store_explicit(&e->state, FREE, memory_order_release);
    atomic_fetch_sub_explicit(&logbook->nr_used, 1, memory_order_relaxed);
    push(logbook, &logbook->free_entries[class_of(e)], number_of(logbook, e));
}

/* Its place is lent again by the next process: until then somebody may read it. */
void logbook_retire(struct logbook *logbook, uint32_t number)
{
    if (logbook->is_sealed)
        return;
    if (atomic_exchange(&entry_at(logbook, number)->state, FREE) == USED)
        atomic_fetch_sub_explicit(&logbook->nr_used, 1, memory_order_relaxed);
}

/* ---- What was there -------------------------------------------------------------------------- */

static bool is_same_key(const struct logbook_key *a, const struct logbook_key *b)
{
    return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

static uint32_t find(const struct logbook *logbook, const struct logbook_key *key)
{
    uint32_t tag = (uint32_t)key->halves[0], at;

    for (uint32_t n = flathash_first(&logbook->found, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&logbook->found, tag, &at))
        if (is_same_key(&entry_at(logbook, n)->key, key))
            return n;
    return LOGBOOK_NONE;
}

uint32_t logbook_find(struct logbook *logbook, struct logbook_key key)
{
    uint32_t number = find(logbook, &key);

    if (number == LOGBOOK_NONE || atomic_load(&entry_at(logbook, number)->state) != USED)
        return LOGBOOK_NONE;
    atomic_store_explicit(&entry_at(logbook, number)->life, logbook->life, memory_order_relaxed);
    return number;
}

const struct logbook_entry *logbook_at(const struct logbook *logbook, uint32_t number)
{
    return entry_at(logbook, number);
}

uint32_t logbook_count(const struct logbook *logbook)
{
    return atomic_load(&logbook->nr_used);
}

/* Does an entry of this class say what can be? */
static bool is_sound(const struct logbook_entry *entry, int class)
{
    return entry->nr_arms >= 1 && entry->nr_arms <= SEGMENT_ARMS_MAX && entry->flags <= FLAGS &&
           class_of(entry) == class && entry->check == check_of(entry);
}

/* Keeps the entry if no table of the last process forgot it, and no later one of the same alias is
 * there. 0, or -1 when out of memory. */
static int take_up(struct logbook *logbook, struct logbook_entry *entry)
{
    uint32_t tag = (uint32_t)entry->key.halves[0], other;

    if (atomic_load(&entry->life) < atomic_load(&logbook->head->life)) {
        atomic_store(&entry->state, FREE);
        return 0;
    }
    other = find(logbook, &entry->key);
    if (other != LOGBOOK_NONE) {
        struct logbook_entry *rival = entry_at(logbook, other);
        bool is_later = entry->serial > rival->serial ||
                        (entry->serial == rival->serial &&
                         atomic_load(&entry->ticket) > atomic_load(&rival->ticket));

        atomic_store(is_later ? &rival->state : &entry->state, FREE);
        if (!is_later)
            return 0;
        flathash_remove(&logbook->found, tag, other);
    }
    return flathash_add(&logbook->found, tag, number_of(logbook, entry));
}

/* -1: out of memory; 1: damaged. */
static int read_block(struct logbook *logbook, uint32_t block)
{
    int class = logbook->classes[block] - 1;
    uint32_t first = first_number(block);

    if (class >= NR_CLASSES)
        return 1;
    for (uint32_t i = 0; class >= 0 && i < UNITS_A_BLOCK; i += 1u << class) {
        struct logbook_entry *entry = entry_at(logbook, first + i);
        uint32_t state = atomic_load(&entry->state);

        if (state == FREE)
            continue;
        if (state != USED || !is_sound(entry, class))
            return 1;
        note_serial(logbook, entry->serial);
        if (take_up(logbook, entry) < 0)
            return -1;
    }
    return 0;
}

/* A block none of whose entries is used may become one of another class. */
static void offer_block(struct logbook *logbook, uint32_t block)
{
    int class = logbook->classes[block] - 1;
    uint32_t first = first_number(block), nr_used = 0;

    for (uint32_t i = 0; class >= 0 && i < UNITS_A_BLOCK; i += 1u << class)
        nr_used += atomic_load(&entry_at(logbook, first + i)->state) == USED;
    if (nr_used == 0) {
        logbook->classes[block] = 0;
        push(logbook, &logbook->free_blocks, first);
        atomic_fetch_add(&logbook->nr_free_blocks, 1);
        return;
    }
    atomic_fetch_add(&logbook->nr_used, nr_used);
    for (uint32_t i = 0; i < UNITS_A_BLOCK; i += 1u << class)
        if (atomic_load(&entry_at(logbook, first + i)->state) == FREE)
            push(logbook, &logbook->free_entries[class], first + i);
}

static uint32_t blocks_in(size_t bytes)
{
    size_t blocks = bytes / LOGBOOK_BLOCK;

    return blocks > BLOCKS_BEFORE ? (uint32_t)(blocks - BLOCKS_BEFORE) : 0;
}

static int read_all(struct logbook *logbook, char *reason, size_t reason_size)
{
    int r = 0;

    for (uint32_t block = 0; block < logbook->nr_blocks && r == 0; block++)
        r = read_block(logbook, block);
    if (r < 0)
        snprintf(reason, reason_size, "out of memory");
    else if (r > 0)
        snprintf(reason, reason_size, "it is damaged");
    for (uint32_t block = logbook->nr_blocks; block < LOGBOOK_BLOCKS_MAX && r == 0; block++)
        if (logbook->classes[block] != 0) {
            snprintf(reason, reason_size, "it is damaged: its end is missing");
            r = -1;
        }
    return r == 0 ? 0 : -1;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void logbook_format(void *head)
{
    struct head *h = head;

    memset(head, 0, LOGBOOK_BLOCK);
    memcpy(h->magic, magic, sizeof(magic));
    h->version = VERSION;
    h->order = ORDER;
    atomic_init(&h->life, 1);
}

static const char *check_head(const struct head *head, size_t bytes)
{
    if (bytes < (size_t)BLOCKS_BEFORE * LOGBOOK_BLOCK)
        return "it is damaged: its end is missing";
    if (memcmp(head->magic, magic, sizeof(magic)) != 0)
        return "it is damaged, or is not weir's";
    if (head->version != VERSION || head->order != ORDER)
        return "another version of weir, or another kind of machine, wrote it";
    return NULL;
}

struct logbook *logbook_open(void *memory, size_t bytes, char *reason, size_t reason_size)
{
    const char *why = check_head(memory, bytes);
    struct logbook *logbook = why ? NULL : aligned_alloc(64, sizeof(*logbook));

    if (!logbook) {
        snprintf(reason, reason_size, "%s", why ? why : "out of memory");
        return NULL;
    }
    memset(logbook, 0, sizeof(*logbook));
    logbook->memory = memory;
    logbook->head = memory;
    logbook->classes = (_Atomic uint8_t *)((uint8_t *)memory + LOGBOOK_BLOCK);
    logbook->life = atomic_load(&logbook->head->life) + 1;
    logbook->nr_blocks = blocks_in(bytes);
    if (read_all(logbook, reason, reason_size) < 0) {
        logbook_close(&logbook);
        return NULL;
    }
    for (uint32_t block = logbook->nr_blocks; block-- > 0;)
        offer_block(logbook, block);
    return logbook;
}

void logbook_seal(struct logbook *logbook)
{
    logbook->is_sealed = true;
}

void logbook_close(struct logbook **logbook)
{
    flathash_fini(&(*logbook)->found);
    free(*logbook);
    *logbook = NULL;
}

/* Half as much again as there is, or the spare blocks, should be free. */
size_t logbook_wants(const struct logbook *logbook)
{
    uint32_t spare = logbook->nr_blocks / 3 > SPARE_BLOCKS ? logbook->nr_blocks / 3 : SPARE_BLOCKS;
    size_t bytes = (BLOCKS_BEFORE + (size_t)logbook->nr_blocks) * LOGBOOK_BLOCK;

    if (atomic_load(&logbook->nr_free_blocks) >= spare)
        return bytes;
    bytes += (size_t)2 * spare * LOGBOOK_BLOCK;
    return bytes < LOGBOOK_BYTES_MAX ? bytes : LOGBOOK_BYTES_MAX;
}

void logbook_extend(struct logbook *logbook, size_t bytes)
{
    uint32_t nr = blocks_in(bytes);

    for (uint32_t block = nr; block-- > logbook->nr_blocks;) {
        push(logbook, &logbook->free_blocks, first_number(block));
        atomic_fetch_add(&logbook->nr_free_blocks, 1);
    }
    if (nr > logbook->nr_blocks)
        logbook->nr_blocks = nr;
}

/* ---- A fleet --------------------------------------------------------------------------------- */

int logbook_slot(const struct logbook *logbook)
{
    return (int)atomic_load(&logbook->head->slot_after) - 1;
}

void logbook_set_slot(struct logbook *logbook, int slot)
{
    atomic_store(&logbook->head->slot_after, (uint32_t)(slot + 1));
}

void logbook_forget(struct logbook *logbook)
{
    for (uint32_t block = 0; block < logbook->nr_blocks; block++) {
        int class = logbook->classes[block] - 1;
        uint32_t first = first_number(block);

        for (uint32_t i = 0; class >= 0 && i < UNITS_A_BLOCK; i += 1u << class) {
            struct logbook_entry *entry = entry_at(logbook, first + i);

            if (atomic_load(&entry->state) != USED)
                continue;
            flathash_remove(&logbook->found, (uint32_t)entry->key.halves[0], first + i);
            logbook_retire(logbook, first + i);
        }
    }
}

int logbook_import(struct logbook *logbook, const struct logbook_entry *as,
                   const struct logbook_arrays *arrays)
{
    struct logbook_entry *entry = logbook_write(logbook, as, arrays);
    uint32_t tag = (uint32_t)as->key.halves[0];

    if (!entry)
        return -1;
    if (flathash_add(&logbook->found, tag, number_of(logbook, entry)) == 0)
        return 0;
    logbook_release(logbook, &entry);
    return -1;
}

void logbook_settle(struct logbook *logbook)
{
    atomic_store(&logbook->head->life, logbook->life);
}
