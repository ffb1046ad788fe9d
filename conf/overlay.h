/* What the API has made, changed and deleted, thing by thing, beside what the table file says. Each
 * row is one thing (control/change.h stores it); conf/tabledoc_overlay.h lays them over the file.
 *
 * A row holds while the file says of the thing what it said when the API changed it (base). Rows
 * are frozen and counted; an overlay is one thread's at a time, and a copy of it costs a pointer a
 * row. */
#ifndef WEIR_CONF_OVERLAY_H
#define WEIR_CONF_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Names are those that the store has. */
enum overlay_kind {
    OVERLAY_FUNCTION, /* a function without what follows */
    OVERLAY_VERSION,
    OVERLAY_ALIAS,
    OVERLAY_URL,
    OVERLAY_LAST,     /* last_version: the document is a number; the larger one counts */
    OVERLAY_REPLACED, /* all that the file says of a function is void; base is of all of it */
    OVERLAY_ROUTE,    /* one route, by its host and path as one name; no function */
    OVERLAY_SECTION,  /* an entry of deployment_configs or alarms: SECTION.ENTRY; no function */
    /* the map of an alias's sticky split as it was in force (control/mapstore.h); it lies over
     * nothing, and stands in no overlay of what the API changed */
    OVERLAY_MAP
};

const char *overlay_kind_name(enum overlay_kind kind);
/* -1: none of them. */
int overlay_kind_of(const char *name);

enum { OVERLAY_REVISION = 37 };

struct overlay_row {
    _Atomic uint32_t refs;
    enum overlay_kind kind;
    char *function, *name; /* name "" where there is none */
    bool has_base;         /* the file says something of it */
    uint64_t base;         /* its digest */
    bool is_deleted;
    bool is_said; /* of a map: the log has told that the file alone assigns otherwise */
    char revision[OVERLAY_REVISION];
    char *document; /* JSON; "" where it is deleted */
};

/* With one reference; the strings are copied. NULL when out of memory. */
struct overlay_row *overlay_row_make(enum overlay_kind kind, struct str function, struct str name,
                                     const char *document);
struct overlay_row *overlay_row_ref(struct overlay_row *row);
/* Ends the reference and clears the pointer, which may be NULL. Any thread. */
void overlay_row_unref(struct overlay_row **row);

/* The rows of one function; those without one have "". A route is a group by itself, by its name,
 * in which there is a '/', as in no function's. */
struct overlay_group {
    char *name;
    uint32_t nr, capacity;
    struct overlay_row **rows;
};

struct overlay;

/* NULL when out of memory. */
struct overlay *overlay_make(void);
struct overlay *overlay_copy(const struct overlay *overlay);
/* Clears the pointer, which may be NULL. */
void overlay_free(struct overlay **overlay);

/* Puts a row, in place of the one of the same thing. Takes the reference in any case. 0, or -1 when
 * out of memory. */
int overlay_put_take(struct overlay *overlay, struct overlay_row *row)
    __attribute__((warn_unused_result));
void overlay_remove(struct overlay *overlay, enum overlay_kind kind, const char *function,
                    const char *name);

/* NULL where there is none, or the overlay is NULL. Borrowed. */
const struct overlay_row *overlay_find(const struct overlay *overlay, enum overlay_kind kind,
                                       struct str function, struct str name);
const struct overlay_group *overlay_group(const struct overlay *overlay, struct str function);

/* All groups, which may be empty. */
uint32_t overlay_groups(const struct overlay *overlay, const struct overlay_group **groups);

#endif
