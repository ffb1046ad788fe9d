/* The table document: JSON text to a frozen table, or all the reasons why not. docs/table.md
 * describes the document. */
#ifndef WEIR_CONF_TABLEDOC_H
#define WEIR_CONF_TABLEDOC_H

#include <stdint.h>

#include "conf/problems.h"
#include "router/registry.h"
#include "router/table.h"

/* Builds the table that text (JSON, length bytes) describes; file is for messages. previous is the
 * table in force or NULL (splits carry over). Every problem of the document is added to problems.
 * NULL if there was any. Any thread that holds previous; it shares nothing with others but what
 * router/builder.h says. */
struct table *tabledoc_build(struct registry *registry, struct table *previous, const char *text,
                             size_t length, const char *file, struct problems *problems);

struct tabledoc_merge;

/* The same beside what is in force (previous, which is merge->ours): where the file says of an
 * alias what it said before, what the API made of it stays (conf/tabledoc_merge.h). merge may be
 * NULL: then the document alone counts. Returns a reference to previous where the file changes
 * nothing. */
struct table *tabledoc_take(struct registry *registry, struct table *previous,
                            struct tabledoc_merge *merge, const char *text, size_t length,
                            const char *file, struct problems *problems)
    __attribute__((warn_unused_result));

/* The table in force as a document that tabledoc_build reads back to the same; the caller frees;
 * NULL when out of memory. */
char *tabledoc_dump(const struct table *table);

#endif
