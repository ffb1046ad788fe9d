/* The names of the series, each stored once, as the labels that the exposition prints.
 *
 * An entry per number in one array, and beside it an open hash index of numbers (linear probing, at
 * most three quarters full; a removal moves later ones back into the gap, so that no tombstones
 * pile up through reloads). A hundred thousand series without traffic are the common case of a
 * large table, hence the care about bytes: some 60 each, and the text. */
#include "metrics/series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/page.h"

enum { FIRST_ENTRIES = 64, FIRST_INDEX = 128 };

struct entry {
    char *labels;  /* NULL: not in use */
    uint32_t n;    /* bytes of labels */
    uint32_t refs; /* where not in use: the next such number */
    uint32_t hash;
};

struct series {
    struct entry *entries;
    uint32_t nr, capacity; /* numbers given out so far, free ones included */
    uint32_t free;         /* the first number to use again, or SERIES_NONE */
    uint32_t used;         /* numbers in use, which is what the index holds */
    uint32_t *index;       /* number + 1; 0: empty */
    uint32_t mask;         /* size of the index - 1 */
    struct page key;       /* scratch: the labels that are looked for */
};

/* FNV-1a, folded: the names come from documents that the operator wrote, so nobody is out to make
 * them collide. */
static uint32_t hash_of(const char *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    return (uint32_t)(h ^ h >> 32);
}

/* The place of the key in the index: where it is, or the empty one where it would go. */
static uint32_t find_place(const struct series *s, uint32_t hash)
{
    uint32_t place = hash & s->mask;

    for (; s->index[place] != 0; place = (place + 1) & s->mask) {
        const struct entry *e = &s->entries[s->index[place] - 1];

        if (e->hash == hash && e->n == s->key.n && memcmp(e->labels, s->key.p, e->n) == 0)
            break;
    }
    return place;
}

static int grow_index(struct series *s)
{
    uint32_t mask = s->mask * 2 + 1;
    uint32_t *index = calloc((size_t)mask + 1, sizeof(*index));

    if (!index)
        return -1;
    for (uint32_t i = 0; i <= s->mask; i++) {
        uint32_t place;

        if (s->index[i] == 0)
            continue;
        place = s->entries[s->index[i] - 1].hash & mask;
        while (index[place] != 0)
            place = (place + 1) & mask;
        index[place] = s->index[i];
    }
    free(s->index);
    s->index = index;
    s->mask = mask;
    return 0;
}

/* Grows by half, not to twice the size: at most half an entry per entry lies idle. */
static int grow_entries(struct series *s)
{
    uint32_t capacity = s->capacity + s->capacity / 2;
    struct entry *entries;

    if (capacity < s->capacity || capacity >= SERIES_NONE)
        return -1;
    entries = realloc(s->entries, capacity * sizeof(*entries));
    if (!entries)
        return -1;
    s->entries = entries;
    s->capacity = capacity;
    return 0;
}

struct series *series_make(void)
{
    struct series *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->free = SERIES_NONE;
    s->capacity = FIRST_ENTRIES;
    s->entries = calloc(FIRST_ENTRIES, sizeof(*s->entries));
    s->mask = FIRST_INDEX - 1;
    s->index = calloc(FIRST_INDEX, sizeof(*s->index));
    if (!s->entries || !s->index)
        series_free(&s);
    return s;
}

void series_free(struct series **series)
{
    struct series *s = *series;

    *series = NULL;
    if (!s)
        return;
    for (uint32_t i = 0; i < s->nr; i++)
        free(s->entries[i].labels);
    free(s->entries);
    free(s->index);
    page_fini(&s->key);
    free(s);
}

/* Adds the key under a number of its own. */
static uint32_t add(struct series *s, uint32_t hash)
{
    uint32_t number = s->free != SERIES_NONE ? s->free : s->nr;
    struct entry *e;
    char *labels;

    if ((uint64_t)(s->used + 1) * 4 > ((uint64_t)s->mask + 1) * 3 && grow_index(s) < 0)
        return SERIES_NONE;
    if (number == s->capacity && grow_entries(s) < 0)
        return SERIES_NONE;
    labels = malloc(s->key.n);
    if (!labels)
        return SERIES_NONE;
    memcpy(labels, s->key.p, s->key.n);
    e = &s->entries[number];
    if (number == s->nr)
        s->nr++;
    else
        s->free = e->refs;
    e->labels = labels;
    e->n = (uint32_t)s->key.n;
    e->refs = 1;
    e->hash = hash;
    s->index[find_place(s, hash)] = number + 1;
    s->used++;
    return number;
}

uint32_t series_get(struct series *s, struct str function, struct str alias, struct str version)
{
    uint32_t hash, place;

    s->key.n = 0;
    s->key.is_short = false;
    page_put_label(&s->key, STR("function"), function);
    page_put_char(&s->key, ',');
    page_put_label(&s->key, STR("alias"), alias);
    page_put_char(&s->key, ',');
    page_put_label(&s->key, STR("version"), version);
    if (s->key.is_short || s->key.n > UINT32_MAX)
        return SERIES_NONE;
    hash = hash_of(s->key.p, s->key.n);
    place = find_place(s, hash);
    if (s->index[place] == 0)
        return add(s, hash);
    s->entries[s->index[place] - 1].refs++;
    return s->index[place] - 1;
}

/* Empties a place in the index and moves back what was only further on because of it. */
static void remove_place(struct series *s, uint32_t gap)
{
    uint32_t place = gap;

    for (;;) {
        uint32_t home;

        place = (place + 1) & s->mask;
        if (s->index[place] == 0)
            break;
        home = s->entries[s->index[place] - 1].hash & s->mask;
        /* It may move if its home is not between the gap and itself. */
        if (((place - home) & s->mask) < ((place - gap) & s->mask))
            continue;
        s->index[gap] = s->index[place];
        gap = place;
    }
    s->index[gap] = 0;
}

void series_release(struct series *s, uint32_t number, bool keep)
{
    struct entry *e = &s->entries[number];
    uint32_t place;

    assert(number < s->nr && e->labels && e->refs > 0);
    e->refs--;
    if (e->refs > 0 || keep)
        return;
    place = e->hash & s->mask;
    while (s->index[place] != number + 1)
        place = (place + 1) & s->mask;
    remove_place(s, place);
    free(e->labels);
    *e = (struct entry){.refs = s->free};
    s->free = number;
    s->used--;
}

uint32_t series_end(const struct series *s)
{
    return s->nr;
}

struct str series_labels(const struct series *s, uint32_t number)
{
    if (number >= s->nr || !s->entries[number].labels)
        return (struct str){NULL, 0};
    return (struct str){s->entries[number].labels, s->entries[number].n};
}
