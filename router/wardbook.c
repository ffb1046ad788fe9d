/* Few aliases have canaries at a time, so a slot is looked for from the first on. */
#include "router/wardbook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "router/hash.h"

/* Of a slot. LEFT: from a process before, and not asked for yet. */
enum { FREE, USED, RESTING, LEFT };

enum { VERSION = 1, ORDER = 0x01020304 /* of bytes */ };
static const char magic[8] = "weirward";

struct head {
    char magic[8];
    uint32_t version, order;
};

enum { NR_SLOTS = (WARDBOOK_BYTES - WARDBOOK_HEAD) / sizeof(struct wardbook_slot) };

const uint32_t wardbook_room = NR_SLOTS;

struct wardbook {
    struct wardbook_slot *slots;
    pthread_mutex_t lock;
    uint32_t last_serial;
    bool is_settled;
    _Atomic bool is_sealed;
    _Atomic uint32_t nr_lost;
};

struct wardbook_key wardbook_key(struct str function, struct str alias, struct str version)
{
    struct wardbook_key key;

    for (uint64_t i = 0; i < 2; i++)
        key.halves[i] = hash_str(version, hash_str(alias, hash_str(function, i + 1)));
    return key;
}

/* ---- Slots ----------------------------------------------------------------------------------- */

static bool is_of(const struct wardbook_slot *slot, struct wardbook_key key)
{
    return slot->key.halves[0] == key.halves[0] && slot->key.halves[1] == key.halves[1];
}

struct wardbook_slot *wardbook_find(struct wardbook *book, struct wardbook_key key)
{
    struct wardbook_slot *found = NULL;

    pthread_mutex_lock(&book->lock);
    for (size_t i = 0; !book->is_settled && i < NR_SLOTS; i++) {
        struct wardbook_slot *slot = &book->slots[i];
        if (atomic_load(&slot->state) == LEFT && is_of(slot, key) &&
            (!found || slot->serial > found->serial))
            found = slot;
    }
    if (found)
        atomic_store(&found->state, USED);
    pthread_mutex_unlock(&book->lock);
    return found;
}

struct wardbook_slot *wardbook_take(struct wardbook *book, struct wardbook_key key)
{
    struct wardbook_slot *slot = NULL;

    pthread_mutex_lock(&book->lock);
    for (size_t i = 0; !slot && i < NR_SLOTS; i++)
        if (atomic_load(&book->slots[i].state) == FREE)
            slot = &book->slots[i];
    if (slot) {
        *slot = (struct wardbook_slot){.state = FREE, .serial = ++book->last_serial, .key = key};
        atomic_store(&slot->state, USED); /* whoever finds it used finds it whole */
    } else {
        atomic_fetch_add(&book->nr_lost, 1);
    }
    pthread_mutex_unlock(&book->lock);
    return slot;
}

uint32_t wardbook_nr_lost(const struct wardbook *book)
{
    return atomic_load(&book->nr_lost);
}

void wardbook_rest(struct wardbook_slot *slot, bool is_resting)
{
    atomic_store(&slot->state, is_resting ? RESTING : USED);
}

/* Before the first table is in force the start may still fail, or build another table. */
void wardbook_release(struct wardbook *book, struct wardbook_slot **slot)
{
    struct wardbook_slot *s = *slot;

    *slot = NULL;
    pthread_mutex_lock(&book->lock);
    if (!book->is_sealed)
        atomic_store(&s->state, book->is_settled ? FREE : LEFT);
    pthread_mutex_unlock(&book->lock);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void wardbook_format(void *head)
{
    struct head *h = head;

    memset(head, 0, WARDBOOK_HEAD);
    memcpy(h->magic, magic, sizeof(magic));
    h->version = VERSION;
    h->order = ORDER;
}

/* What was in an alias may be so again in the first table; the rest goes. */
static void read_slots(struct wardbook *book)
{
    for (size_t i = 0; i < NR_SLOTS; i++) {
        struct wardbook_slot *slot = &book->slots[i];
        uint32_t state = atomic_load(&slot->state);

        atomic_store(&slot->state, state == USED || state == LEFT ? LEFT : FREE);
        if (state != FREE && slot->serial > book->last_serial)
            book->last_serial = slot->serial;
    }
}

struct wardbook *wardbook_open(void *memory, char *reason, size_t reason_size)
{
    const struct head *head = memory;
    const char *why = NULL;
    struct wardbook *book;

    if (memcmp(head->magic, magic, sizeof(magic)) != 0)
        why = "it is damaged, or is not weir's";
    else if (head->version != VERSION || head->order != ORDER)
        why = "another version of weir, or another kind of machine, wrote it";
    book = why ? NULL : calloc(1, sizeof(*book));
    if (!book) {
        snprintf(reason, reason_size, "%s", why ? why : "out of memory");
        return NULL;
    }
    book->slots = (struct wardbook_slot *)((char *)memory + WARDBOOK_HEAD);
    pthread_mutex_init(&book->lock, NULL);
    read_slots(book);
    return book;
}

void wardbook_settle(struct wardbook *book)
{
    pthread_mutex_lock(&book->lock);
    book->is_settled = true;
    for (size_t i = 0; i < NR_SLOTS; i++)
        if (atomic_load(&book->slots[i].state) == LEFT)
            atomic_store(&book->slots[i].state, FREE);
    pthread_mutex_unlock(&book->lock);
}

void wardbook_seal(struct wardbook *book)
{
    book->is_sealed = true;
}

void wardbook_close(struct wardbook **book)
{
    pthread_mutex_destroy(&(*book)->lock);
    free(*book);
    *book = NULL;
}
