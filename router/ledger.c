/* Free entries of a class, and free blocks, are stacks (Treiber 1986): the head is the number of
 * the first one with a count that makes each head another, so that a compare-and-swap sees what
 * happened meanwhile. Numbers count units of the smallest entry from the file's beginning, where
 * there is no entry: 0 is none. */
#include "router/ledger.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flathash.h"
#include "router/hash.h"
#include "router/segment.h"

enum {
    UNIT = 128,
    UNITS_A_BLOCK = LEDGER_BLOCK / UNIT,
    NR_CLASSES = 5, /* 128, 256, ... 2048 bytes */
    ARM_BYTES = sizeof(int64_t) + sizeof(uint64_t) + sizeof(uint32_t),
    BLOCKS_BEFORE = 1 + LEDGER_BLOCKS_MAX / LEDGER_BLOCK, /* head and classes */
    SPARE_BLOCKS = 128,                                   /* at least so many */
    VERSION = 1,
    ORDER = 0x01020304, /* of bytes */
    FREE = 0,
    USED = 0x75736564
};
static const char magic[8] = "weirsplt";

_Static_assert(sizeof(struct ledger_entry) == 64, "the ticket has its cache line's first bytes");
_Static_assert(64 + SEGMENT_ARMS_MAX * ARM_BYTES <= UNIT << (NR_CLASSES - 1), "all arms fit");

struct head {
    char magic[8];
    uint32_t version, order;
    _Atomic uint32_t life;
};

struct ledger {
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

static struct ledger_entry *entry_at(const struct ledger *ledger, uint32_t number)
{
    return (struct ledger_entry *)(ledger->memory + (size_t)number * UNIT);
}

static uint32_t number_of(const struct ledger *ledger, const struct ledger_entry *entry)
{
    return (uint32_t)((size_t)((const uint8_t *)entry - ledger->memory) / UNIT);
}

static uint32_t first_number(uint32_t block)
{
    return (BLOCKS_BEFORE + block) * UNITS_A_BLOCK;
}

static int class_of(int nr_arms)
{
    size_t bytes = sizeof(struct ledger_entry) + (size_t)nr_arms * ARM_BYTES;
    int class = 0;

    while ((size_t)UNIT << class < bytes)
        class ++;
    return class;
}

const int64_t *ledger_errors(const struct ledger_entry *entry)
{
    return (const int64_t *)(entry + 1);
}

const uint64_t *ledger_versions(const struct ledger_entry *entry)
{
    return (const uint64_t *)(ledger_errors(entry) + entry->nr_arms);
}

const uint32_t *ledger_weights(const struct ledger_entry *entry)
{
    return (const uint32_t *)(ledger_versions(entry) + entry->nr_arms);
}

struct ledger_key ledger_key(struct str function, struct str alias)
{
    uint64_t low = hash_str(alias, hash_str(function, 1));

    return (struct ledger_key){{low, hash_str(alias, hash_str(function, 2))}};
}

uint64_t ledger_version(struct str name)
{
    return hash_str(name, 0);
}

/* ---- Stacks ---------------------------------------------------------------------------------- */

static void push(const struct ledger *ledger, _Atomic uint64_t *stack, uint32_t number)
{
    uint64_t head = atomic_load(stack), next;

    do {
        atomic_store_explicit(&entry_at(ledger, number)->next, (uint32_t)head,
                              memory_order_relaxed);
        next = ((head >> 32) + 1) << 32 | number;
    } while (!atomic_compare_exchange_weak(stack, &head, next));
}

static uint32_t pop(const struct ledger *ledger, _Atomic uint64_t *stack)
{
    uint64_t head = atomic_load(stack), next;

    do {
        if ((uint32_t)head == LEDGER_NONE)
            return LEDGER_NONE;
        next = ((head >> 32) + 1) << 32 |
               atomic_load_explicit(&entry_at(ledger, (uint32_t)head)->next, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(stack, &head, next));
    return (uint32_t)head;
}

/* Makes a free block one of the class. false: there is none. */
static bool carve(struct ledger *ledger, int class)
{
    uint32_t number = pop(ledger, &ledger->free_blocks);

    if (number == LEDGER_NONE)
        return false;
    atomic_fetch_sub(&ledger->nr_free_blocks, 1);
    /* Only then is it looked at, by the next process. */
    for (uint32_t i = 0; i < UNITS_A_BLOCK; i += 1u << class)
        atomic_store(&entry_at(ledger, number + i)->state, FREE);
    atomic_store(&ledger->classes[number / UNITS_A_BLOCK - BLOCKS_BEFORE], (uint8_t)(class + 1));
    for (uint32_t i = 0; i < UNITS_A_BLOCK; i += 1u << class)
        push(ledger, &ledger->free_entries[class], number + i);
    return true;
}

/* ---- Entries --------------------------------------------------------------------------------- */

static uint64_t check_of(const struct ledger_entry *entry)
{
    struct {
        struct ledger_key key;
        uint64_t place;
        uint32_t nr_tickets, serial;
        uint64_t nr_arms, is_counted;
    } fixed = {entry->key,    entry->place,   entry->nr_tickets,
               entry->serial, entry->nr_arms, entry->is_counted};
    size_t n = (size_t)entry->nr_arms * ARM_BYTES;

    return hash_str((struct str){(const char *)(entry + 1), n},
                    hash_str((struct str){(const char *)&fixed, sizeof(fixed)}, 0));
}

static void note_serial(struct ledger *ledger, uint32_t serial)
{
    uint32_t highest = atomic_load(&ledger->highest);

    while (serial > highest && !atomic_compare_exchange_weak(&ledger->highest, &highest, serial))
        ;
}

uint32_t ledger_first_serial(const struct ledger *ledger)
{
    return atomic_load(&ledger->highest) + 1;
}

struct ledger_entry *ledger_write(struct ledger *ledger, const struct ledger_entry *as,
                                  const int64_t *errors, const uint64_t *versions,
                                  const uint32_t *weights)
{
    int class = class_of(as->nr_arms);
    size_t nr = as->nr_arms;
    struct ledger_entry *entry;
    uint32_t number;

    do
        number = pop(ledger, &ledger->free_entries[class]);
    while (number == LEDGER_NONE && carve(ledger, class));
    if (number == LEDGER_NONE)
        return NULL;
    entry = entry_at(ledger, number);
    atomic_store_explicit(&entry->ticket, atomic_load(&as->ticket), memory_order_relaxed);
    entry->key = as->key;
    entry->place = as->place;
    entry->nr_tickets = as->nr_tickets;
    entry->serial = as->serial;
    entry->nr_arms = as->nr_arms;
    entry->is_counted = as->is_counted;
    atomic_store_explicit(&entry->life, ledger->life, memory_order_relaxed);
    memcpy((void *)(uintptr_t)ledger_errors(entry), errors, nr * sizeof(errors[0]));
    memcpy((void *)(uintptr_t)ledger_versions(entry), versions, nr * sizeof(versions[0]));
    memcpy((void *)(uintptr_t)ledger_weights(entry), weights, nr * sizeof(weights[0]));
    entry->check = check_of(entry);
    note_serial(ledger, as->serial);
    /* Whoever finds it used finds it whole. */
    atomic_store_explicit(&entry->state, USED, memory_order_release);
    atomic_fetch_add_explicit(&ledger->nr_used, 1, memory_order_relaxed);
    return entry;
}

void ledger_release(struct ledger *ledger, struct ledger_entry **entry)
{
    struct ledger_entry *e = *entry;

    *entry = NULL;
    if (ledger->is_sealed)
        return;
    assert(atomic_load(&e->state) == USED);
    atomic_store_explicit(&e->state, FREE, memory_order_release);
    atomic_fetch_sub_explicit(&ledger->nr_used, 1, memory_order_relaxed);
    push(ledger, &ledger->free_entries[class_of(e->nr_arms)], number_of(ledger, e));
}

/* Its place is lent again by the next process: until then somebody may read it. */
void ledger_retire(struct ledger *ledger, uint32_t number)
{
    if (ledger->is_sealed)
        return;
    if (atomic_exchange(&entry_at(ledger, number)->state, FREE) == USED)
        atomic_fetch_sub_explicit(&ledger->nr_used, 1, memory_order_relaxed);
}

/* ---- What was there -------------------------------------------------------------------------- */

static bool is_same_key(const struct ledger_key *a, const struct ledger_key *b)
{
    return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

static uint32_t find(const struct ledger *ledger, const struct ledger_key *key)
{
    uint32_t tag = (uint32_t)key->halves[0], at;

    for (uint32_t n = flathash_first(&ledger->found, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&ledger->found, tag, &at))
        if (is_same_key(&entry_at(ledger, n)->key, key))
            return n;
    return LEDGER_NONE;
}

uint32_t ledger_find(struct ledger *ledger, struct ledger_key key)
{
    uint32_t number = find(ledger, &key);

    if (number == LEDGER_NONE || atomic_load(&entry_at(ledger, number)->state) != USED)
        return LEDGER_NONE;
    atomic_store_explicit(&entry_at(ledger, number)->life, ledger->life, memory_order_relaxed);
    return number;
}

const struct ledger_entry *ledger_at(const struct ledger *ledger, uint32_t number)
{
    return entry_at(ledger, number);
}

uint32_t ledger_count(const struct ledger *ledger)
{
    return atomic_load(&ledger->nr_used);
}

/* Does an entry of this class say what can be? */
static bool is_sound(const struct ledger_entry *entry, int class)
{
    return entry->nr_arms >= 1 && entry->nr_arms <= SEGMENT_ARMS_MAX &&
           class_of(entry->nr_arms) == class && entry->check == check_of(entry);
}

/* Keeps the entry if no table of the last process forgot it, and no later one of the same alias is
 * there. 0, or -1 when out of memory. */
static int take_up(struct ledger *ledger, struct ledger_entry *entry)
{
    uint32_t tag = (uint32_t)entry->key.halves[0], other;

    if (atomic_load(&entry->life) < atomic_load(&ledger->head->life)) {
        atomic_store(&entry->state, FREE);
        return 0;
    }
    other = find(ledger, &entry->key);
    if (other != LEDGER_NONE) {
        struct ledger_entry *rival = entry_at(ledger, other);
        bool is_later = entry->serial > rival->serial ||
                        (entry->serial == rival->serial &&
                         atomic_load(&entry->ticket) > atomic_load(&rival->ticket));

        atomic_store(is_later ? &rival->state : &entry->state, FREE);
        if (!is_later)
            return 0;
        flathash_remove(&ledger->found, tag, other);
    }
    return flathash_add(&ledger->found, tag, number_of(ledger, entry));
}

/* -1: out of memory; 1: damaged. */
static int read_block(struct ledger *ledger, uint32_t block)
{
    int class = ledger->classes[block] - 1;
    uint32_t first = first_number(block);

    if (class >= NR_CLASSES)
        return 1;
    for (uint32_t i = 0; class >= 0 && i < UNITS_A_BLOCK; i += 1u << class) {
        struct ledger_entry *entry = entry_at(ledger, first + i);
        uint32_t state = atomic_load(&entry->state);

        if (state == FREE)
            continue;
        if (state != USED || !is_sound(entry, class))
            return 1;
        note_serial(ledger, entry->serial);
        if (take_up(ledger, entry) < 0)
            return -1;
    }
    return 0;
}

/* A block none of whose entries is used may become one of another class. */
static void offer_block(struct ledger *ledger, uint32_t block)
{
    int class = ledger->classes[block] - 1;
    uint32_t first = first_number(block), nr_used = 0;

    for (uint32_t i = 0; class >= 0 && i < UNITS_A_BLOCK; i += 1u << class)
        nr_used += atomic_load(&entry_at(ledger, first + i)->state) == USED;
    if (nr_used == 0) {
        ledger->classes[block] = 0;
        push(ledger, &ledger->free_blocks, first);
        atomic_fetch_add(&ledger->nr_free_blocks, 1);
        return;
    }
    atomic_fetch_add(&ledger->nr_used, nr_used);
    for (uint32_t i = 0; i < UNITS_A_BLOCK; i += 1u << class)
        if (atomic_load(&entry_at(ledger, first + i)->state) == FREE)
            push(ledger, &ledger->free_entries[class], first + i);
}

static uint32_t blocks_in(size_t bytes)
{
    size_t blocks = bytes / LEDGER_BLOCK;

    return blocks > BLOCKS_BEFORE ? (uint32_t)(blocks - BLOCKS_BEFORE) : 0;
}

static int read_all(struct ledger *ledger, char *reason, size_t reason_size)
{
    int r = 0;

    for (uint32_t block = 0; block < ledger->nr_blocks && r == 0; block++)
        r = read_block(ledger, block);
    if (r < 0)
        snprintf(reason, reason_size, "out of memory");
    else if (r > 0)
        snprintf(reason, reason_size, "it is damaged");
    for (uint32_t block = ledger->nr_blocks; block < LEDGER_BLOCKS_MAX && r == 0; block++)
        if (ledger->classes[block] != 0) {
            snprintf(reason, reason_size, "it is damaged: its end is missing");
            r = -1;
        }
    return r == 0 ? 0 : -1;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void ledger_format(void *head)
{
    struct head *h = head;

    memset(head, 0, LEDGER_BLOCK);
    memcpy(h->magic, magic, sizeof(magic));
    h->version = VERSION;
    h->order = ORDER;
    atomic_init(&h->life, 1);
}

static const char *check_head(const struct head *head, size_t bytes)
{
    if (bytes < (size_t)BLOCKS_BEFORE * LEDGER_BLOCK)
        return "it is damaged: its end is missing";
    if (memcmp(head->magic, magic, sizeof(magic)) != 0)
        return "it is damaged, or is not weir's";
    if (head->version != VERSION || head->order != ORDER)
        return "another version of weir, or another kind of machine, wrote it";
    return NULL;
}

struct ledger *ledger_open(void *memory, size_t bytes, char *reason, size_t reason_size)
{
    const char *why = check_head(memory, bytes);
    struct ledger *ledger = why ? NULL : aligned_alloc(64, sizeof(*ledger));

    if (!ledger) {
        snprintf(reason, reason_size, "%s", why ? why : "out of memory");
        return NULL;
    }
    memset(ledger, 0, sizeof(*ledger));
    ledger->memory = memory;
    ledger->head = memory;
    ledger->classes = (_Atomic uint8_t *)((uint8_t *)memory + LEDGER_BLOCK);
    ledger->life = atomic_load(&ledger->head->life) + 1;
    ledger->nr_blocks = blocks_in(bytes);
    if (read_all(ledger, reason, reason_size) < 0) {
        ledger_close(&ledger);
        return NULL;
    }
    for (uint32_t block = ledger->nr_blocks; block-- > 0;)
        offer_block(ledger, block);
    return ledger;
}

void ledger_seal(struct ledger *ledger)
{
    ledger->is_sealed = true;
}

void ledger_close(struct ledger **ledger)
{
    flathash_fini(&(*ledger)->found);
    free(*ledger);
    *ledger = NULL;
}

/* Half as much again as there is, or the spare blocks, should be free. */
size_t ledger_wants(const struct ledger *ledger)
{
    uint32_t spare = ledger->nr_blocks / 3 > SPARE_BLOCKS ? ledger->nr_blocks / 3 : SPARE_BLOCKS;
    size_t bytes = (BLOCKS_BEFORE + (size_t)ledger->nr_blocks) * LEDGER_BLOCK;

    if (atomic_load(&ledger->nr_free_blocks) >= spare)
        return bytes;
    bytes += (size_t)2 * spare * LEDGER_BLOCK;
    return bytes < LEDGER_BYTES_MAX ? bytes : LEDGER_BYTES_MAX;
}

void ledger_extend(struct ledger *ledger, size_t bytes)
{
    uint32_t nr = blocks_in(bytes);

    for (uint32_t block = nr; block-- > ledger->nr_blocks;) {
        push(ledger, &ledger->free_blocks, first_number(block));
        atomic_fetch_add(&ledger->nr_free_blocks, 1);
    }
    if (nr > ledger->nr_blocks)
        ledger->nr_blocks = nr;
}

void ledger_settle(struct ledger *ledger)
{
    atomic_store(&ledger->head->life, ledger->life);
}
