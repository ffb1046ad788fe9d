/* Changing some functions of a table: those are read from documents, with all the rules of the
 * table document, the others are taken over as they are. */
#ifndef WEIR_CONF_TABLEDOC_EDIT_H
#define WEIR_CONF_TABLEDOC_EDIT_H

#include <jansson.h>

#include "conf/problems.h"
#include "router/registry.h"
#include "router/table.h"

/* What a function is to be, or a section. */
struct tabledoc_edit {
    const char *function; /* "" of a section */
    json_t *document;     /* the object below its name in "functions"; NULL: no such function */
    const char *section;  /* its name; NULL: a function. document NULL: it says nothing */
};

/* A table that takes over from previous (as tabledoc_build), with a reference for the caller; NULL
 * with problems added, whose paths are those of the table document. Each function stands in one
 * edit at most. Any thread that holds previous. */
struct table *tabledoc_edit(struct registry *registry, struct table *previous,
                            const struct tabledoc_edit *edits, int nr, struct problems *problems);

#endif
