/* A reader for plain JSON: strings of printable ASCII without escapes, numbers of a few digits,
 * little nesting. That is all that most functions of a large table have, and this reads it five
 * times as fast as jansson, whose values it makes. What it does not read (all else, broken texts
 * among it) is for jansson to read or to explain. Any thread. */
#ifndef WEIR_CONF_JSONPLAIN_H
#define WEIR_CONF_JSONPLAIN_H

#include <jansson.h>

#include "base/str.h"

/* The same as jansson makes of the text, any value, with JSON_REJECT_DUPLICATES; a new reference.
 * NULL: it is not plain, or memory ran out (conf/jsonmem.h knows which). */
json_t *jsonplain_read(struct str text);

#endif
