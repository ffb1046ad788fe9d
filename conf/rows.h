/* Objects of documents as rows: one row per key says its type, range, default, place in a struct
 * and meaning, and the functions here read, write, compare and copy by looping over the rows. Both
 * documents are described so; what is no plain value (a list, a map of names) is a row too, of type
 * ROWS_SPECIAL, read by its owner.
 *
 * Rows may lie in nested objects: the row "timeouts.connect_ms" is the key connect_ms of the object
 * "timeouts". */
#ifndef WEIR_CONF_ROWS_H
#define WEIR_CONF_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/jsondoc.h"

enum rows_type {
    ROWS_BOOL,   /* bool */
    ROWS_U16,    /* uint16_t */
    ROWS_U32,    /* uint32_t */
    ROWS_U64,    /* uint64_t */
    ROWS_STRING, /* char *, owned; NULL where it has no default */
    ROWS_CHOICE, /* an enum (unsigned int), the index into choices */
    /* char *, owned: "true", "false", or networks (base/network.h) with commas between; in
     * documents a boolean or an array of strings */
    ROWS_NETWORKS,
    ROWS_LIST,    /* char *, owned: with commas between; in documents an array of strings */
    ROWS_SPECIAL, /* read by the set's special function */
};

/* Checks a value. NULL if it is right, else the end of a sentence that begins with the value, such
 * as "has a port". */
typedef const char *(*rows_check_fn)(const char *text);

struct row {
    const char *path;
    enum rows_type type;
    size_t offset;
    uint64_t min, max;        /* of numbers; of strings: their lengths in bytes, or ... */
    bool is_prose;            /* ... in characters */
    const char *default_text; /* as in a document, strings without quotes; NULL: none */
    bool is_secret;           /* of ROWS_STRING: no message shows the value, which may be a secret
                               * that stands in the wrong place */
    const char *choices;      /* of ROWS_CHOICE: the names, with '|' between */
    rows_check_fn check;      /* of ROWS_STRING and of each of ROWS_LIST, or NULL; not asked about
                               * "" where min is 0 */
    const char *expected;     /* ends "must be ..." for strings and specials */
    bool is_reloadable;
    const char *help; /* for the reference; whole sentences */
};

/* Reads the value of a ROWS_SPECIAL row; adds problems. */
typedef void (*rows_special_fn)(struct jsondoc *doc, const struct place *at, const struct row *row,
                                const json_t *value, void *base);

struct rows {
    const struct row *list;
    int nr;
    rows_special_fn special; /* may be NULL where no row is special */
};

/* Fills the rows' members with their defaults. Members are plain memory before. 0, or -1 when out
 * of memory, with all of the rows' strings set to NULL or owned. */
int rows_init(const struct rows *rows, void *base) __attribute__((warn_unused_result));
/* Releases the rows' strings. */
void rows_fini(const struct rows *rows, void *base);

/* Reads an object into an initialised base; adds a problem for each unknown key and each wrong
 * value. */
void rows_read(const struct rows *rows, struct jsondoc *doc, const struct place *at,
               const json_t *object, void *base);

/* Sets one row from text, as a command line gives it. */
void rows_set_text(const struct row *row, struct jsondoc *doc, const char *text, void *base);

/* Adds the rows' values to an object as rows_read takes them; specials and absent strings are left
 * out, and defaults too unless wanted. 0, or -1 when out of memory. */
int rows_write(const struct rows *rows, const void *base, bool with_defaults, json_t *object)
    __attribute__((warn_unused_result));

/* The row with a path, or NULL. */
const struct row *rows_find(const struct rows *rows, const char *path);

bool rows_equal(const struct row *row, const void *a, const void *b);
/* Replaces to's value by a copy of from's; 0, or -1 when out of memory with to unchanged. */
int rows_copy(const struct row *row, void *to, const void *from)
    __attribute__((warn_unused_result));

/* A row's value as text, such as 2000 or "weir" or (none); cut where it does not fit. For
 * messages. */
void rows_value_text(const struct row *row, const void *base, char *out, size_t size);

/* What a row takes, such as "a whole number of 1 to 64": the end of "must be ...". */
void rows_expected(const struct row *row, struct jsondoc_text *text);

#endif
