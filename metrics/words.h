/* Texts that are kept once, however many say them: the names in the labels of series. A word has a
 * number and counted references. One thread at a time. */
#ifndef WEIR_METRICS_WORDS_H
#define WEIR_METRICS_WORDS_H

#include <stdint.h>

#include "base/flathash.h"
#include "base/str.h"

enum { WORDS_NONE = UINT32_MAX, WORDS_SHORT = 16 };

struct word {
    uint32_t refs; /* 0: not in use */
    uint32_t n;    /* bytes; where it is not in use, the next such number */
    union {
        char text[WORDS_SHORT]; /* n <= WORDS_SHORT */
        char *p;
    } at;
};

struct words {
    struct word *list;
    uint32_t nr, capacity, nr_spare;
    uint32_t spare; /* the first number to use again, where nr_spare > 0 */
    struct flathash by_text;
};

/* Zero-initialised is empty; this releases all and leaves it so. */
void words_fini(struct words *words);

/* The number of a word, or WORDS_NONE where there is none. */
uint32_t words_find(const struct words *words, struct str text);

/* The same with one more reference, made if there was none. WORDS_NONE when out of memory. */
uint32_t words_get(struct words *words, struct str text);

/* Ends a reference; after the last one the word is forgotten and the number may come again. */
void words_release(struct words *words, uint32_t number);

/* Valid until the next word is made or forgotten. */
static inline struct str words_text(const struct words *words, uint32_t number)
{
    const struct word *word = &words->list[number];

    return (struct str){word->n <= WORDS_SHORT ? word->at.text : word->at.p, word->n};
}

#endif
