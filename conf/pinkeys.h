/* The keys by which pins are signed (docs/pins.md): those of pins.key_file, a line each, or one of
 * the process. The first one signs; all of them are accepted, so that a key can be replaced in two
 * steps.
 *
 * Frozen once made: any thread may read it while it holds what owns it. Keys stand in no message of
 * this file, and are wiped when they are freed. */
#ifndef WEIR_CONF_PINKEYS_H
#define WEIR_CONF_PINKEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "conf/problems.h"

enum { PINKEYS_MAX = 16, PINKEYS_LENGTH_MAX = 1024 };

struct pinkeys {
    int nr; /* 1 or more */
    struct str list[PINKEYS_MAX];
};

/* Reads the text of a key file. Blanks around a line do not count, nor do empty lines. NULL with
 * problems added, whose paths are "line N". */
struct pinkeys *pinkeys_parse(const char *text, size_t length, const char *file,
                              struct problems *problems);

/* One key of 256 random bits. NULL when out of memory or of randomness. */
struct pinkeys *pinkeys_make(void);

/* Wipes, frees and clears; NULL is fine. */
void pinkeys_free(struct pinkeys **keys);

/* The same keys in the same order? Either may be NULL. */
bool pinkeys_equal(const struct pinkeys *a, const struct pinkeys *b);

#endif
