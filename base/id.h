/* Request and revision ids: random UUIDs (RFC 9562 section 5.4) as text. Any thread; each has its
 * own generator. */
#ifndef WEIR_BASE_ID_H
#define WEIR_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/str.h"

enum { ID_LENGTH = 36 };

/* Writes the UUID that two random words give: ID_LENGTH characters, no NUL. */
void id_write(char *p, uint64_t a, uint64_t b);

/* A fresh id. */
void id_make(struct prng *rng, char id[ID_LENGTH]);

/* Whether s has the form of a UUID, in either case. */
bool id_is_uuid(struct str s);

#endif
