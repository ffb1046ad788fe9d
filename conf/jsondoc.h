/* A JSON document that people wrote: loads it, keeps the place in it, and reports mistakes with
 * their place.
 *
 * A place is a chain of frames on the C stack of the function that walks the document. It becomes
 * text only when there is a problem. */
#ifndef WEIR_CONF_JSONDOC_H
#define WEIR_CONF_JSONDOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "conf/jsonmem.h"
#include "conf/problems.h"

/* One step from the parent: a key, or where key is NULL the element of an array. The root has no
 * parent and no key. */
struct place {
    const struct place *parent;
    const char *key;
    size_t index;
    size_t skip; /* bytes of the key that the document does not have */
};

#define JSONDOC_ROOT         ((struct place){NULL, NULL, 0, 0})
#define JSONDOC_KEY(at, key) ((struct place){(at), (key), 0, 0})
#define JSONDOC_ITEM(at, i)  ((struct place){(at), NULL, (i), 0})

/* The document being read. */
struct jsondoc {
    const char *file; /* for messages; may be NULL */
    struct problems *problems;
    bool is_bad; /* there was a problem: nothing is to be built from it any more */
    /* May be NULL. How to say what somebody meant by an unknown key, as the rest of a sentence;
     * NULL where it does not know. */
    const char *(*advise)(const struct place *at);
};

/* The value as text, indented; numbers with a fraction have at most digits significant ones. To be
 * freed; NULL when out of memory. */
char *jsondoc_dump(const json_t *json, int digits);
/* The same in one line. */
char *jsondoc_dump_line(const json_t *json, int digits);

/* In one line without its end, keys sorted: one text for whatever says the same. */
char *jsondoc_dump_sorted(const json_t *json);

/* Sets a member of an object under a name that need not be terminated and has 511 bytes at most;
 * takes the value, which may be NULL (then it fails). 0, or -1 when out of memory. */
int jsondoc_set_take(json_t *object, struct str name, json_t *value)
    __attribute__((warn_unused_result));

/* For documents that are read in pieces (conf/jsonscan.h). jsondoc_open takes a byte order mark off
 * and answers whether there is a text at all, else adds a problem. jsondoc_piece parses any value,
 * with the rules of jsondoc_load, into the pool if there is one: NULL where it is not well-formed
 * or *is_out of memory, and no problem is added. jsondoc_explain adds the problem that jsondoc_load
 * finds in a text; where it finds none, one that says as much as that the text is broken. */
bool jsondoc_open(struct jsondoc *doc, struct str *text);
json_t *jsondoc_piece(struct str piece, struct jsonmem_pool *pool, bool *is_out);
void jsondoc_explain(struct jsondoc *doc, struct str text);

/* What jsondoc_load accepts: one object, no key twice in an object, valid UTF-8, no NUL. NULL with
 * a problem added. */
json_t *jsondoc_load(struct jsondoc *doc, const char *text, size_t length);

/* Adds a problem at a place. */
void jsondoc_problem(struct jsondoc *doc, const struct place *at, const char *code,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
void jsondoc_no_memory(struct jsondoc *doc);

/* Is the value an object (an array, a string)? Else adds a problem, which names what was expected,
 * such as "an array of URLs". */
bool jsondoc_is_object(struct jsondoc *doc, const struct place *at, const json_t *value,
                       const char *expected);
bool jsondoc_is_array(struct jsondoc *doc, const struct place *at, const json_t *value,
                      const char *expected);
bool jsondoc_is_string(struct jsondoc *doc, const struct place *at, const json_t *value,
                       const char *expected);

/* "a string", "null", ...: how a message calls the value's type. */
const char *jsondoc_kind(const json_t *value);

/* A place as text, such as $.routes[3].path; what does not fit is cut. Keys that are no plain words
 * stand in brackets. */
enum { JSONDOC_PATH_MAX = 512 };
void jsondoc_path(const struct place *at, char out[JSONDOC_PATH_MAX]);

/* A growing sentence part on the stack; what does not fit is cut and ends in "...". */
enum { JSONDOC_TEXT_MAX = 512 };
struct jsondoc_text {
    size_t n;
    char s[JSONDOC_TEXT_MAX];
};
void jsondoc_append(struct jsondoc_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends what may stand instead of a word that is no key of the object: "; did you mean "live"?"
 * if one is near, and the keys, up to a few: " (known: 1, 2)", " (none is known)". Nothing where
 * problems are no longer kept, which bounds the time for hopeless documents. */
void jsondoc_append_known(const struct jsondoc *doc, struct jsondoc_text *text,
                          const json_t *object, const char *word);
/* The same where there are nr keys and these are the first of them: JSONDOC_KNOWN_MAX, or all. */
enum { JSONDOC_KNOWN_MAX = 256 };
void jsondoc_append_keys(const struct jsondoc *doc, struct jsondoc_text *text,
                         const char *const *keys, size_t nr, const char *word);

/* Is it something that a JSON string can hold? */
bool jsondoc_is_utf8(const char *text);

/* Quotes somebody's text for a message: the printf precision that keeps it short. Use as
 * "\"%.*s\"", JSONDOC_QUOTE(s). */
enum { JSONDOC_QUOTE_MAX = 120 };
#define JSONDOC_QUOTE(s) jsondoc_quote_length(s), (s)
int jsondoc_quote_length(const char *s);

#endif
