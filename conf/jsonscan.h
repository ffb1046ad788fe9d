/* Cuts the text of a large JSON object or array into its members. It builds no tree, so a large
 * document need not be in memory twice: as text, and as a tree ten times its size.
 *
 * A text that is cut to its end, and of which each key and value is well-formed by itself, is
 * well-formed (RFC 8259): the caller parses each piece strictly, and looks for keys that come
 * twice. Pure; nothing is copied, and all that is returned points into the text. */
#ifndef WEIR_CONF_JSONSCAN_H
#define WEIR_CONF_JSONSCAN_H

#include <stdbool.h>

#include "base/str.h"

struct jsonscan {
    const char *at; /* what was cut so far ends here */
    const char *end;
    char closing; /* '}' or ']' */
    bool has_begun;
};

struct jsonscan_member {
    struct str key;   /* with its quotes and escapes; empty in an array */
    struct str value; /* without white space around */
};

enum jsonscan_step {
    JSONSCAN_MEMBER,
    JSONSCAN_END,   /* the closing bracket was there; at is behind it */
    JSONSCAN_BROKEN /* no member; a value that has no end is the rest of the text */
};

/* Begins with a text that is an object or an array, perhaps behind white space. False where it is
 * neither. */
bool jsonscan_open(struct jsonscan *scan, struct str text);

/* Cuts off the next member. Call it again only after JSONSCAN_MEMBER. */
enum jsonscan_step jsonscan_next(struct jsonscan *scan, struct jsonscan_member *member);

/* The value that a text begins with; empty where there is none, or none that ends. */
struct str jsonscan_value(struct str text);

/* After JSONSCAN_END: is there nothing but white space behind? */
bool jsonscan_is_all(const struct jsonscan *scan);

#endif
