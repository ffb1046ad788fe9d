/* The index is thrown away whole when table or settings have changed. */
#include "proxy/worker/urlindex.h"

#include <stdlib.h>

#include "base/flathash.h"
#include "proxy/worker/worker.h"
#include "router/hash.h"

struct urlindex {
    uint64_t table_serial, settings_serial;
    struct flathash by_id;
    struct urlindex_found *list;
};

void urlindex_free(struct urlindex **index)
{
    struct urlindex *x = *index;

    *index = NULL;
    if (!x)
        return;
    flathash_fini(&x->by_id);
    free(x->list);
    free(x);
}

static uint32_t tag_of(const char *id)
{
    return (uint32_t)hash_str((struct str){id, URLID_LENGTH}, 0);
}

static int fill(struct urlindex *index, const struct worker *w, struct function *const *functions,
                int nr)
{
    const struct settings *s = w->tuning->settings;
    uint32_t n = 0;

    for (int i = 0; i < nr; i++) {
        for (uint32_t k = 0; k < functions[i]->more->nr_urls; k++, n++) {
            const struct function_url *url = &functions[i]->more->urls[k];
            const struct urlid_of of = {str_of(s->aws.account_id), str_of(s->aws.region),
                                        functions[i]->name, url->qualifier};
            struct urlindex_found *entry = &index->list[n];

            entry->function = functions[i];
            entry->url = url;
            urlid_make(&of, entry->id);
            if (flathash_add(&index->by_id, tag_of(entry->id), n) < 0)
                return -1;
        }
    }
    return 0;
}

static struct urlindex *make(const struct worker *w, const struct table *table)
{
    struct urlindex *index = calloc(1, sizeof(*index));
    struct function *const *functions;
    size_t nr_urls = 0;

    if (!index)
        return NULL;
    int nr = table_url_functions(table, &functions, &index->table_serial);
    index->settings_serial = w->settings_serial;
    for (int i = 0; i < nr; i++)
        nr_urls += functions[i]->more->nr_urls;
    index->list = calloc(nr_urls + 1, sizeof(index->list[0]));
    if (!index->list || fill(index, w, functions, nr) < 0)
        urlindex_free(&index);
    return index;
}

static bool is_current(const struct worker *w, const struct table *table)
{
    struct function *const *functions;
    uint64_t serial;

    (void)table_url_functions(table, &functions, &serial);
    return w->urls && w->urls->table_serial == serial &&
           w->urls->settings_serial == w->settings_serial;
}

static void look_up(struct worker *w, const struct table *table, struct urlindex_found *out)
{
    const struct urlindex *index;
    uint32_t at, tag = tag_of(out->id);

    if (!is_current(w, table)) {
        urlindex_free(&w->urls);
        w->urls = make(w, table);
    }
    index = w->urls;
    if (!index)
        return;
    for (uint32_t n = flathash_first(&index->by_id, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&index->by_id, tag, &at))
        if (memcmp(index->list[n].id, out->id, URLID_LENGTH) == 0)
            *out = index->list[n];
}

bool urlindex_has_form(const struct worker *w, struct str host)
{
    struct str id;

    return urlid_find(host, str_of(w->tuning->settings->aws.region), &id);
}

bool urlindex_find(struct worker *w, const struct table *table, struct str host,
                   struct urlindex_found *out)
{
    struct str id;

    if (host.n < URLINDEX_HOST_MIN ||
        !urlid_find(host, str_of(w->tuning->settings->aws.region), &id))
        return false;
    out->function = NULL;
    out->url = NULL;
    for (size_t i = 0; i < URLID_LENGTH; i++)
        out->id[i] = str_lower(id.p[i]);
    out->id[URLID_LENGTH] = '\0';
    look_up(w, table, out);
    return true;
}
