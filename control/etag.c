/* Of what each ETag is made, and whether a field names it. */
#include "control/etag.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/rowstore.h"
#include "router/hash.h"

/* Numbers are written so that they read back to the same. */
enum { DOCUMENT_DIGITS = 17 };

/* ---- What they are --------------------------------------------------------------------------- */

int etag_alias(const struct api_hooks *hooks, const struct target *target, struct etag *out)
{
    char revision[CHANGE_REVISION_SIZE];

    if (change_revision(hooks, CHANGE_ALIAS, target->function->name, target->alias, revision) < 0)
        return -1;
    snprintf(out->text, sizeof(out->text), "\"%s\"", revision);
    return 0;
}

/* What is in force, and which changes made it so. */
int etag_function(const struct api_hooks *hooks, struct str name, struct etag *out)
{
    const struct table *table = hooks->table(hooks->context);
    const struct function *function = table_function(table, name);
    const struct overlay_group *group = overlay_group(hooks->rows->overlay, name);
    json_t *document = function ? tabledoc_function_write(table, function) : NULL;
    char *text = document ? jsondoc_dump_line(document, DOCUMENT_DIGITS) : NULL;
    uint64_t digest;

    out->text[0] = '\0';
    json_decref(document);
    if (!text)
        return function ? -1 : 0;
    digest = hash_str(str_of(text), hash_str(name, hooks->rows->seed));
    for (uint32_t i = 0; group && i < group->nr; i++)
        digest += hash_str(str_of(group->rows[i]->revision), 0); /* in any order */
    free(text);
    snprintf(out->text, sizeof(out->text), "\"%016llx\"", (unsigned long long)digest);
    return 0;
}

struct etag etag_table(const struct api_hooks *hooks, const struct table *table)
{
    struct etag etag;

    snprintf(etag.text, sizeof(etag.text), "\"%016llx-%llu\"",
             (unsigned long long)hooks->rows->life, (unsigned long long)table->generation);
    return etag;
}

/* ---- Telling --------------------------------------------------------------------------------- */

void etag_tell(struct api_response *response, const struct etag *etag)
{
    if (etag->text[0])
        answer_field(response, "ETag", "%s", etag->text);
}

void etag_tell_read(struct api_response *response, const struct etag *etag,
                    const struct table *table)
{
    etag_tell(response, etag);
    answer_field(response, "x-weir-generation", "%llu", (unsigned long long)table->generation);
}

/* ---- Conditions ------------------------------------------------------------------------------ */

/* Does the list name it? Quotes may be left out, as people do; one that is marked as weak names
 * nothing here: ETags are compared as the strong ones that they are. */
static bool names(struct str list, const struct etag *etag)
{
    struct str quoted = str_of(etag->text), bare = {quoted.p + 1, quoted.n - 2};

    if (quoted.n == 0)
        return false;
    while (list.n > 0) {
        struct str item = str_until(list, ',');
        size_t used = item.n < list.n ? item.n + 1 : item.n;

        list.p += used;
        list.n -= used;
        item = str_trim(item);
        if (str_eq(item, STR("*")) || str_eq(item, quoted) || str_eq(item, bare))
            return true;
    }
    return false;
}

static void refuse(struct api_response *response, const struct etag *etag, const char *message)
{
    answer_error(response, 412, "PreconditionFailedException", message);
    etag_tell(response, etag);
}

bool etag_refuse(const struct api_request *request, const char *what, const struct etag *etag,
                 struct api_response *response)
{
    struct str match = request->if_match, none = request->if_none_match;
    char message[512];

    if (match.p && !names(match, etag)) {
        if (etag->text[0])
            snprintf(message, sizeof(message),
                     "If-Match does not name the ETag of %s, which is %s: it was changed "
                     "meanwhile. Get it again, and change what it says now.",
                     what, etag->text);
        else
            snprintf(message, sizeof(message),
                     "If-Match names an ETag, but there is none: %s was deleted, or never made.",
                     what);
        refuse(response, etag, message);
        return true;
    }
    if (none.p && names(none, etag)) {
        snprintf(message, sizeof(message),
                 "If-None-Match says that %s must not be there so, but it is: its ETag is %s.",
                 what, etag->text);
        refuse(response, etag, message);
        return true;
    }
    return false;
}
