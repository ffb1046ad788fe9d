/* What an endpoint says of an invocation: `order=1, revenue=12.5`, names with numbers. Pure. */
#ifndef WEIR_EXPERIMENT_OUTCOMES_H
#define WEIR_EXPERIMENT_OUTCOMES_H

#include "base/str.h"

enum {
    OUTCOMES_MAX = 16,      /* of one experiment, and so of one invocation */
    OUTCOMES_NAME_MAX = 64, /* bytes */
};

/* Numbers beyond this, to either side, are no outcomes. */
#define OUTCOMES_VALUE_MAX 1e12

struct outcomes {
    int nr;
    int nr_bad; /* items that were no outcomes, or too many, or named before */
    struct outcome {
        struct str name; /* in the field's value */
        double value;
    } list[OUTCOMES_MAX];
};

/* Adds those of one field's value. A name is letters, digits and "_.-", and begins with a letter or
 * '_'; a number is decimal, with or without sign, fraction and exponent. What is none is counted as
 * bad and left out; empty items are nothing. */
void outcomes_parse(struct outcomes *outcomes, struct str value);

#endif
