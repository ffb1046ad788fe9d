/* What a run found, in words and as a JSON document. */
#ifndef WEIR_SPLITCHECK_FINDINGS_H
#define WEIR_SPLITCHECK_FINDINGS_H

#include <stdio.h>

#include "splitcheck/judge.h"

/* Some sentences and a table for people. */
void findings_print(FILE *out, const struct sample *sample, const struct judge *judge);

/* The document, with a newline. judge is NULL where nothing could be judged; why_not says then why.
 * -1 when out of memory or when out cannot be written to. */
int findings_json(FILE *out, const struct sample *sample, const struct judge *judge,
                  const char *why_not);

#endif
