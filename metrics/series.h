/* Gives each series (function, alias, version) a small number, remembers which numbers were ever
 * counted, and forgets a counted series an hour after the last table had it. One thread at a time;
 * any thread may hold the numbers. */
#ifndef WEIR_METRICS_SERIES_H
#define WEIR_METRICS_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "metrics/page.h"

enum { SERIES_NONE = UINT32_MAX, SERIES_KEEP_MS = 60 * 60 * 1000 };

struct series;

struct series_names {
    struct str function, alias, version;
};

/* NULL when out of memory. */
struct series *series_make(void);
void series_free(struct series **series);

/* The number of a triple, with one more reference; a new one for new names. SERIES_NONE when out of
 * memory. */
uint32_t series_get(struct series *series, struct str function, struct str alias,
                    struct str version);

/* One more reference to a number in use. */
void series_hold(struct series *series, uint32_t number);

/* Gives a reference back. After the last one the names are forgotten and the number may come again:
 * at once, or if it was counted an hour later, when series_sweep comes by. Names that return before
 * find their number again. */
void series_release(struct series *series, uint32_t number);

/* Remembers that something was counted under this number, which is in use. */
void series_count(struct series *series, uint32_t number);

/* The first counted number from this one on, or SERIES_NONE. It takes no time that grows with the
 * table: 64 numbers that were never counted are one step. */
uint32_t series_next_counted(const struct series *series, uint32_t from);

/* Ends the series that were counted and have had no reference for an hour before now_ms. It calls
 * end for each, which frees the cells; if end answers false, the series stays for another hour.
 * Call it now and then with a clock that does not go back: an hour begins with the first call
 * after the last release. */
void series_sweep(struct series *series, uint64_t now_ms,
                  bool (*end)(void *context, uint32_t number), void *context);

/* All numbers in use are below it. */
uint32_t series_end(const struct series *series);

/* False where the number is not in use. The names are valid until the series change. */
bool series_names(const struct series *series, uint32_t number, struct series_names *names);

/* The names as labels, as the exposition prints them: function="hello",alias="live",version="2".
 * Nothing where the number is not in use. */
void series_put_labels(const struct series *series, uint32_t number, struct page *page);

#endif
