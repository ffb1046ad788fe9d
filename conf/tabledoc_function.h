/* One function of the table document, the object below "functions". */
#ifndef WEIR_CONF_TABLEDOC_FUNCTION_H
#define WEIR_CONF_TABLEDOC_FUNCTION_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "router/table.h"

/* The place of a function, or by its full name of a state machine, below the section where it
 * stands. */
struct place tabledoc_function_place(const struct place *section, const char *name);

/* The section of a function of this name. */
static inline const char *tabledoc_function_section(struct str name)
{
    return machine_is(name) ? "state_machines" : "functions";
}

/* Reads and checks a function, whose name is the place's key
 * (tabledoc_function_place), with its versions and aliases. While
 * nothing in the document is wrong, adds them to the builder. */
void tabledoc_function_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                            struct tabledoc_out *out);

/* A function of the table as tabledoc_function_read takes it. A new reference; NULL when out of
 * memory. */
json_t *tabledoc_function_write(const struct table *table, const struct function *function);

/* The function alone, without versions, aliases and URLs, and without last_version. */
json_t *tabledoc_function_write_own(const struct function *function);

/* As the builder takes it, all but the URLs; the strings are the function's. */
struct function_spec tabledoc_function_spec(const struct function *function);

#endif
