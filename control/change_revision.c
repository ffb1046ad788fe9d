/* RevisionIds: of what the API changed the row's, else made from what is in force. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/prng.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_version.h"
#include "control/change.h"
#include "control/rowstore.h"
#include "router/hash.h"

/* Numbers are written so that they read back to the same. */
enum { DOCUMENT_DIGITS = 17 };

/* What is said of a thing that has no row, as text: NULL where it is not there. 0, or -1 when out
 * of memory. */
static int text_of(const struct table *table, enum change_kind kind, struct str function,
                   struct str name, char **text)
{
    const struct function *f = table_function(table, function);
    const struct target *target = f ? table_find(table, function, name, NULL) : NULL;
    bool is_there = true;
    json_t *value = NULL;

    *text = NULL;
    if (kind == CHANGE_URL) {
        for (uint32_t i = 0; f && f->more && i < f->more->nr_urls; i++) {
            if (str_eq(f->more->urls[i].qualifier, name)) {
                *text = strdup(f->more->urls[i].document);
                return *text ? 0 : -1;
            }
        }
        return 0;
    }
    if (kind == CHANGE_FUNCTION && f)
        value = tabledoc_function_write_own(f);
    else if (kind == CHANGE_ALIAS && target && target->alias.n > 0)
        value = tabledoc_alias_write(target);
    else if (kind == CHANGE_VERSION && target && target->alias.n == 0)
        value = tabledoc_version_write(target->arms[0].version);
    else
        is_there = false;
    *text = value ? jsondoc_dump_line(value, DOCUMENT_DIGITS) : NULL;
    json_decref(value);
    return is_there && !*text ? -1 : 0;
}

int change_revision(const struct api_hooks *hooks, enum change_kind kind, struct str function,
                    struct str name, char out[CHANGE_REVISION_SIZE])
{
    static const enum overlay_kind kinds[] = {
        [CHANGE_FUNCTION] = OVERLAY_FUNCTION,
        [CHANGE_VERSION] = OVERLAY_VERSION,
        [CHANGE_ALIAS] = OVERLAY_ALIAS,
        [CHANGE_URL] = OVERLAY_URL,
    };
    const struct overlay_row *row;
    uint64_t seed;
    struct prng rng;
    char *text;

    assert(kind < sizeof(kinds) / sizeof(kinds[0]));
    row = overlay_find(hooks->rows->overlay, kinds[kind], function, name);
    if (row) {
        memcpy(out, row->revision, CHANGE_REVISION_SIZE);
        return 0;
    }
    if (text_of(hooks->table(hooks->context), kind, function, name, &text) < 0)
        return -1;
    seed = hash_str(name, hash_str(function, hooks->rows->seed + (uint64_t)kind));
    prng_seed(&rng, hash_str(str_of(text ? text : ""), seed));
    free(text);
    id_make(&rng, out);
    out[ID_LENGTH] = '\0';
    return 0;
}
