/* Weights: percent with up to seven places in documents, integers of a billionth inside. Exact in
 * both directions. */
#ifndef WEIR_CONF_WEIGHT_H
#define WEIR_CONF_WEIGHT_H

#include <stdint.h>

enum { WEIGHT_ONE = 1000000000, WEIGHT_PERCENT = WEIGHT_ONE / 100 };

/* A JSON number as text, such as 95, 0.5, 33.3333333 or 1e1, to billionths; -1 where it is none, is
 * not within 0 to 100, or has more than seven places that are not zero. */
int64_t weight_parse(const char *text);

/* The same of a number as a JSON reader gives it: the one number of seven places whose nearest
 * double this is, or -1. */
int64_t weight_of_double(double percent);

/* As text without needless zeros, such as "33.3333333", "-0.5" or "95". */
struct weight_text {
    char s[32];
};
struct weight_text weight_text(int64_t billionths);

#endif
