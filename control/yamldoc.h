/* YAML as the JSON that says the same: mappings with texts as keys, sequences, and scalars, which
 * all become texts, as written. Anchors, aliases, tags and further documents are refused, so that
 * what comes out is no larger than what went in. Pure; any thread. */
#ifndef WEIR_CONTROL_YAMLDOC_H
#define WEIR_CONTROL_YAMLDOC_H

#include <jansson.h>

#include "base/str.h"

enum { YAMLDOC_REASON_MAX = 256, YAMLDOC_DEPTH_MAX = 16 };

/* A new reference. NULL, with what is wrong and where as a sentence without full stop. */
json_t *yamldoc_load(struct str text, char reason[YAMLDOC_REASON_MAX]);

#endif
