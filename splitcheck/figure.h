/* The picture of a split: each version's share against the number of requests, as SVG. */
#ifndef WEIR_SPLITCHECK_FIGURE_H
#define WEIR_SPLITCHECK_FIGURE_H

#include <stdio.h>

#include "splitcheck/judge.h"

/* -1 when out cannot be written to. */
int figure_draw(FILE *out, const struct sample *sample, const struct judge *judge,
                const struct asked *asked);

#endif
