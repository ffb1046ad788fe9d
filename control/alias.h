/* Aliases in the table's own words, and changing them:
 *
 *     GET  /functions/{F}/aliases/{A}      the alias as the table document writes it
 *     PUT  /functions/{F}/aliases/{A}      the same members; those left out, but for weights,
 *                                          stay as they are
 *
 * A change is in force when it is answered, until the table file says something else of the alias.
 * Control thread, which is also the one that reloads: no reload falls between what a change was
 * checked against and its being in force. */
#ifndef WEIR_CONTROL_ALIAS_H
#define WEIR_CONTROL_ALIAS_H

#include "control/api.h"

/* False where the path is another; else the response is filled in. */
bool alias_handle(const struct api_hooks *hooks, const struct api_request *request,
                  struct api_response *response);

/* Puts an alias in force in the place of target and logs it. Returns the new one, borrowed from the
 * table in force; NULL when out of memory. Do not use target afterwards. */
struct target *alias_put(const struct api_hooks *hooks, const struct target *target,
                         const struct alias_spec *spec);

/* Writes the revision of an alias, a UUID. It differs for every state that the alias has had in
 * this process. A reload that leaves the alias alone keeps it. */
enum { ALIAS_REVISION = 37 };
void alias_revision(const struct api_hooks *hooks, const struct target *target,
                    char out[ALIAS_REVISION]);

#endif
