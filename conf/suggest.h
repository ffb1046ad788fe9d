/* "Did you mean ...?": the known word nearest to a misspelt one. */
#ifndef WEIR_CONF_SUGGEST_H
#define WEIR_CONF_SUGGEST_H

#include <stddef.h>

/* Finds the known word that differs from word by the fewest slips: a letter is wrong, missing or
 * added, or two are swapped. '-', '_' or nothing in its place is half a slip; case is none. NULL
 * where no known word is near enough. */
const char *suggest_nearest(const char *word, const char *const *known, size_t nr_known);

#endif
