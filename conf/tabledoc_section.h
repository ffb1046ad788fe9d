/* The sections of the table document that no invocation reads: plans of gradual shifts, and alarms.
 *
 *     $.deployment_configs.NAME   {"steps": [{"weight": 0.5, "hold_s": 600}, ...]}
 *     $.alarms.NAME               {"metric": "error_percent", "threshold": 5, "window_s": 60,
 *                                  "min_invocations": 100, "on_no_data": "hold"}
 *
 * A table keeps them as texts. */
#ifndef WEIR_CONF_TABLEDOC_SECTION_H
#define WEIR_CONF_TABLEDOC_SECTION_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "router/model.h"

extern const char *const tabledoc_section_names[MODEL_SECTIONS];
/* The name is one of those. */
enum model_section tabledoc_section_of(const char *name);

/* How an entry is called in the overlay, and where the file's words are kept: SECTION.ENTRY. False
 * where it does not fit. */
enum { TABLEDOC_SECTION_ENTRY = 160 };
bool tabledoc_section_entry(const char *section, const char *entry,
                            char out[TABLEDOC_SECTION_ENTRY]);

enum { TABLEDOC_STEPS_MAX = 255, TABLEDOC_CONFIG_NAME_MAX = 100 };

/* Checks a section of an edit, whose document is NULL where it says nothing, and gives it to the
 * builder. */
void tabledoc_section_read(struct jsondoc *doc, const char *name, const json_t *document,
                           struct tabledoc_out *out);

/* The same of a table document, beside what the API has set (out->merge). Of a wrong type: nothing,
 * the problem has been added. */
void tabledoc_section_take(struct jsondoc *doc, const char *name, const json_t *document,
                           struct tabledoc_out *out);

#endif
