/* An entry of sixteen bytes per number, a hash index over it, and a bit that says whether it was
 * ever counted. Names are words (metrics/words.h), as most are said by many series. Series without
 * traffic are the common case of a large table, four of them a function, hence the care about
 * bytes.
 *
 * Counted series without a reference wait in line for their end, the one that was let go first
 * ahead. One that finds a reference again leaves the line by no longer knowing its place there. */
#include "metrics/series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/words.h"

enum { CAPACITY_MIN = 64 };

static const uint32_t WAITS = 1u << 31;

struct entry {
    uint32_t function, alias, version; /* words; WORDS_NONE in function: not in use */
    /* References. WAITS and the low bits of its place: none, it is in line. Where not in use: the
     * next such number. */
    uint32_t refs;
};

struct waiting {
    uint64_t since_ms; /* 0: not looked at yet */
    uint32_t number;
};

struct series {
    struct words words;
    struct entry *entries;
    uint64_t *counted;     /* a bit per number */
    uint32_t nr, capacity; /* numbers given out so far, free ones included; a multiple of 64 */
    uint32_t spare;        /* the first number to use again, or SERIES_NONE */
    struct flathash by_names;

    struct waiting *line;
    size_t nr_waiting, line_capacity;
    uint64_t nr_gone; /* places before the first in line */
};

struct series *series_make(void)
{
    struct series *s = calloc(1, sizeof(*s));

    if (s)
        s->spare = SERIES_NONE;
    return s;
}

void series_free(struct series **series)
{
    struct series *s = *series;

    *series = NULL;
    if (!s)
        return;
    words_fini(&s->words);
    flathash_fini(&s->by_names);
    free(s->entries);
    free(s->counted);
    free(s->line);
    free(s);
}

/* ---- By name --------------------------------------------------------------------------------- */

static uint32_t tag_of(const struct entry *e)
{
    uint64_t h = e->function * 0x9e3779b97f4a7c15u;

    h = (h ^ h >> 32 ^ e->alias) * 0xc2b2ae3d27d4eb4fu;
    h = (h ^ h >> 32 ^ e->version) * 0x165667b19e3779f9u;
    return (uint32_t)(h >> 32);
}

static uint32_t find(const struct series *s, const struct entry *wanted)
{
    uint32_t tag, at;

    if (wanted->function == WORDS_NONE || wanted->alias == WORDS_NONE ||
        wanted->version == WORDS_NONE)
        return SERIES_NONE;
    tag = tag_of(wanted);
    for (uint32_t n = flathash_first(&s->by_names, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&s->by_names, tag, &at))
        if (memcmp(&s->entries[n], wanted, offsetof(struct entry, refs)) == 0)
            return n;
    return SERIES_NONE;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* Grows by half, not to twice the size: at most half an entry per entry lies idle. */
static int grow(struct series *s)
{
    uint32_t capacity = (s->capacity + s->capacity / 2 + CAPACITY_MIN) / 64 * 64;
    struct entry *entries;
    uint64_t *counted;

    if (s->capacity >= SERIES_NONE / 4)
        return -1;
    counted = reallocarray(s->counted, capacity / 64, sizeof(counted[0]));
    if (!counted)
        return -1;
    memset(counted + s->capacity / 64, 0, (capacity - s->capacity) / 8);
    s->counted = counted;
    entries = reallocarray(s->entries, capacity, sizeof(entries[0]));
    if (!entries)
        return -1; /* the bits are too many then, and cleared anew when they are needed */
    s->entries = entries;
    s->capacity = capacity;
    return 0;
}

static bool is_counted(const struct series *s, uint32_t number)
{
    return s->counted[number / 64] >> number % 64 & 1;
}

/* Puts the entry under a number of its own. */
static uint32_t place(struct series *s, const struct entry *entry)
{
    uint32_t number = s->spare != SERIES_NONE ? s->spare : s->nr;

    if (number == s->capacity && grow(s))
        return SERIES_NONE;
    if (flathash_add(&s->by_names, tag_of(entry), number))
        return SERIES_NONE;
    if (number == s->nr)
        s->nr++;
    else
        s->spare = s->entries[number].refs;
    s->entries[number] = *entry;
    return number;
}

static void release_words(struct series *s, const struct entry *e)
{
    if (e->function != WORDS_NONE)
        words_release(&s->words, e->function);
    if (e->alias != WORDS_NONE)
        words_release(&s->words, e->alias);
    if (e->version != WORDS_NONE)
        words_release(&s->words, e->version);
}

static uint32_t add(struct series *s, struct str function, struct str alias, struct str version)
{
    struct entry entry = {words_get(&s->words, function), words_get(&s->words, alias),
                          words_get(&s->words, version), 1};
    uint32_t number = SERIES_NONE;

    if (entry.function != WORDS_NONE && entry.alias != WORDS_NONE && entry.version != WORDS_NONE)
        number = place(s, &entry);
    if (number == SERIES_NONE)
        release_words(s, &entry);
    return number;
}

uint32_t series_get(struct series *s, struct str function, struct str alias, struct str version)
{
    struct entry wanted = {words_find(&s->words, function), words_find(&s->words, alias),
                           words_find(&s->words, version), 0};
    uint32_t number = find(s, &wanted);

    if (number == SERIES_NONE)
        return add(s, function, alias, version);
    series_hold(s, number);
    return number;
}

void series_hold(struct series *s, uint32_t number)
{
    struct entry *e = &s->entries[number];

    assert(number < s->nr && e->function != WORDS_NONE);
    e->refs = e->refs & WAITS ? 1 : e->refs + 1;
}

/* ---- The end of a series --------------------------------------------------------------------- */

static void forget(struct series *s, uint32_t number)
{
    struct entry *e = &s->entries[number];

    flathash_remove(&s->by_names, tag_of(e), number);
    release_words(s, e);
    s->counted[number / 64] &= ~(1ull << number % 64);
    *e = (struct entry){.function = WORDS_NONE, .refs = s->spare};
    s->spare = number;
}

static uint32_t mark_of(uint64_t place)
{
    return WAITS | (uint32_t)(place & (WAITS - 1));
}

/* Where there is no memory for a place in line, it waits for ever, or until its names return. */
static void queue(struct series *s, uint32_t number)
{
    size_t more = s->line_capacity ? s->line_capacity * 2 : 64;
    struct waiting *line = s->line;

    s->entries[number].refs = WAITS;
    if (s->nr_waiting == s->line_capacity) {
        line = reallocarray(line, more, sizeof(line[0]));
        if (!line)
            return;
        s->line = line;
        s->line_capacity = more;
    }
    s->entries[number].refs = mark_of(s->nr_gone + s->nr_waiting);
    line[s->nr_waiting++] = (struct waiting){.number = number};
}

void series_release(struct series *s, uint32_t number)
{
    struct entry *e = &s->entries[number];

    assert(number < s->nr && e->function != WORDS_NONE && e->refs > 0 && !(e->refs & WAITS));
    if (--e->refs > 0)
        return;
    if (is_counted(s, number))
        queue(s, number);
    else
        forget(s, number);
}

void series_sweep(struct series *s, uint64_t now_ms, bool (*end)(void *context, uint32_t number),
                  void *context)
{
    size_t nr = s->nr_waiting, over = 0;

    for (size_t i = nr; i > 0 && s->line[i - 1].since_ms == 0; i--)
        s->line[i - 1].since_ms = now_ms;
    while (over < nr && s->line[over].since_ms + SERIES_KEEP_MS <= now_ms) {
        uint32_t number = s->line[over].number;
        bool is_here = s->entries[number].refs == mark_of(s->nr_gone + over);

        over++;
        if (!is_here || s->entries[number].function == WORDS_NONE)
            continue;
        if (end(context, number))
            forget(s, number);
        else
            queue(s, number);
    }
    s->nr_waiting -= over;
    s->nr_gone += over;
    if (over > 0)
        memmove(s->line, s->line + over, s->nr_waiting * sizeof(s->line[0]));
}

/* ---- Counted ones, and names ----------------------------------------------------------------- */

void series_count(struct series *s, uint32_t number)
{
    assert(number < s->nr && s->entries[number].function != WORDS_NONE);
    s->counted[number / 64] |= 1ull << number % 64;
}

uint32_t series_next_counted(const struct series *s, uint32_t from)
{
    for (uint32_t i = from / 64; i < s->capacity / 64; i++) {
        uint64_t bits = s->counted[i];

        if (i == from / 64)
            bits &= ~0ull << from % 64;
        if (bits)
            return i * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return SERIES_NONE;
}

uint32_t series_end(const struct series *s)
{
    return s->nr;
}

bool series_names(const struct series *s, uint32_t number, struct series_names *names)
{
    const struct entry *e = &s->entries[number];

    if (number >= s->nr || e->function == WORDS_NONE)
        return false;
    names->function = words_text(&s->words, e->function);
    names->alias = words_text(&s->words, e->alias);
    names->version = words_text(&s->words, e->version);
    return true;
}

void series_put_labels(const struct series *s, uint32_t number, struct page *page)
{
    struct series_names names;

    if (!series_names(s, number, &names))
        return;
    page_put_label(page, STR("function"), names.function);
    page_put_char(page, ',');
    page_put_label(page, STR("alias"), names.alias);
    page_put_char(page, ',');
    page_put_label(page, STR("version"), names.version);
}
