/* An array of words by number and a hash index. Most names are short and lie in the array itself:
 * a million functions' names take 24 bytes each and their place in the index. */
#include "metrics/words.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 16 };

/* FNV-1a, folded: the names come from documents that the operator wrote, so nobody is out to make
 * them collide. */
static uint32_t tag_of(struct str text)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
    return (uint32_t)(h ^ h >> 32);
}

void words_fini(struct words *words)
{
    for (uint32_t i = 0; i < words->nr; i++)
        if (words->list[i].refs > 0 && words->list[i].n > WORDS_SHORT)
            free(words->list[i].at.p);
    free(words->list);
    flathash_fini(&words->by_text);
    *words = (struct words){0};
}

static uint32_t find(const struct words *words, struct str text, uint32_t tag)
{
    uint32_t at;

    for (uint32_t n = flathash_first(&words->by_text, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&words->by_text, tag, &at))
        if (str_eq(words_text(words, n), text))
            return n;
    return WORDS_NONE;
}

uint32_t words_find(const struct words *words, struct str text)
{
    return find(words, text, tag_of(text));
}

/* Room for a number of its own. By half, not to twice the size: at most half a word per word lies
 * idle. */
static int reserve(struct words *words)
{
    uint32_t capacity = words->capacity + words->capacity / 2;
    struct word *list;

    if (words->nr_spare > 0 || words->nr < words->capacity)
        return 0;
    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    if (words->nr >= WORDS_NONE / 4)
        return -1;
    list = reallocarray(words->list, capacity, sizeof(list[0]));
    if (!list)
        return -1;
    words->list = list;
    words->capacity = capacity;
    return 0;
}

static int set_text(struct word *word, struct str text)
{
    char *to = word->at.text;

    if (text.n > WORDS_SHORT) {
        to = malloc(text.n);
        if (!to)
            return -1;
        word->at.p = to;
    }
    if (text.n > 0)
        memcpy(to, text.p, text.n);
    word->n = (uint32_t)text.n;
    return 0;
}

static uint32_t add(struct words *words, struct str text, uint32_t tag)
{
    struct word word = {.refs = 1};
    uint32_t number;

    if (text.n >= UINT32_MAX || reserve(words) || set_text(&word, text))
        return WORDS_NONE;
    number = words->nr_spare > 0 ? words->spare : words->nr;
    if (flathash_add(&words->by_text, tag, number)) {
        if (word.n > WORDS_SHORT)
            free(word.at.p);
        return WORDS_NONE;
    }
    if (words->nr_spare > 0) {
        words->spare = words->list[number].n;
        words->nr_spare--;
    } else {
        words->nr++;
    }
    words->list[number] = word;
    return number;
}

uint32_t words_get(struct words *words, struct str text)
{
    uint32_t tag = tag_of(text), number = find(words, text, tag);

    if (number == WORDS_NONE)
        return add(words, text, tag);
    words->list[number].refs++;
    return number;
}

void words_release(struct words *words, uint32_t number)
{
    struct word *word = &words->list[number];

    assert(number < words->nr && word->refs > 0);
    if (--word->refs > 0)
        return;
    flathash_remove(&words->by_text, tag_of(words_text(words, number)), number);
    if (word->n > WORDS_SHORT)
        free(word->at.p);
    word->n = words->spare;
    words->spare = number;
    words->nr_spare++;
}
