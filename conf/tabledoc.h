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
 * NULL if there was any. Control thread. */
struct table *tabledoc_build(struct registry *registry, struct table *previous, const char *text,
                             size_t length, const char *file, struct problems *problems);

/* The table in force as a document that tabledoc_build reads back to the same; the caller frees;
 * NULL when out of memory. */
char *tabledoc_dump(const struct table *table);

#endif
