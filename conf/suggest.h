/* "Did you mean ...?": the known word nearest to a misspelt one. */
#ifndef WEIR_CONF_SUGGEST_H
#define WEIR_CONF_SUGGEST_H

#include <stddef.h>

/* The one of the known words that differs from word by the fewest slips (a letter wrong, missing,
 * added, or two swapped; the choice between '-', '_' and nothing is half a slip, case is none), or
 * NULL where none is near enough to be meant. */
const char *suggest_nearest(const char *word, const char *const *known, size_t nr_known);

#endif
