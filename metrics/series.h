/* The names of the series and their numbers: small, dense, found by name. Control thread; the
 * numbers themselves may be known anywhere. */
#ifndef WEIR_METRICS_SERIES_H
#define WEIR_METRICS_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { SERIES_NONE = UINT32_MAX };

struct series;

/* NULL when out of memory. */
struct series *series_make(void);
void series_free(struct series **series);

/* The number of a triple, with one more reference; a new one for new names. SERIES_NONE when out of
 * memory. */
uint32_t series_get(struct series *series, struct str function, struct str alias,
                    struct str version);

/* Gives a reference back. After the last one the names are forgotten and the number may come again,
 * unless keep. */
void series_release(struct series *series, uint32_t number, bool keep);

/* All numbers in use are below it. */
uint32_t series_end(const struct series *series);

/* The names as labels, ready for the exposition: function="hello",alias="live",version="2". Empty
 * where the number is not in use. */
struct str series_labels(const struct series *series, uint32_t number);

#endif
