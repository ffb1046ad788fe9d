/* Rows of the store as documents, and back. */
#include "control/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/jsondoc.h"

enum { DIGITS = 17 };

static const char *const kinds[] = {"application", "deployment_group", "machine_alias",
                                    "deployment_config"};
static const char DEPLOYMENT[] = "deployment", ALARM[] = "alarm";

/* ---- Reading --------------------------------------------------------------------------------- */

json_t *ledger_application(const struct ledger *l, const char *name)
{
    return json_object_get(l->applications, name);
}

json_t *ledger_group(const struct ledger *l, const char *application, const char *name)
{
    return json_object_get(json_object_get(l->groups, application), name);
}

json_t *ledger_machine_alias(const struct ledger *l, const char *machine, const char *name)
{
    return json_object_get(json_object_get(l->machine_aliases, machine), name);
}

json_t *ledger_config(const struct ledger *l, const char *name)
{
    return json_object_get(l->configs, name);
}

struct deployment *ledger_deployment(const struct ledger *l, const char *id)
{
    struct deployment *d;

    TAILQ_FOREACH(d, &l->deployments, link)
    {
        if (strcmp(d->id, id) == 0)
            return d;
    }
    return NULL;
}

/* The member of an object that has this id. */
static json_t *find_id(json_t *objects, const char *member, const char *id)
{
    const char *key;
    json_t *value;

    json_object_foreach(objects, key, value)
    {
        const char *text = json_string_value(json_object_get(value, member));
        if (text && strcmp(text, id) == 0)
            return value;
    }
    return NULL;
}

json_t *ledger_application_by(const struct ledger *l, const char *id)
{
    return find_id(l->applications, "applicationId", id);
}

json_t *ledger_group_by(const struct ledger *l, const char *application, const char *id)
{
    return find_id(json_object_get(l->groups, application), "deploymentGroupId", id);
}

struct deployment *ledger_active(const struct ledger *l, const char *group_id)
{
    struct deployment *d, *oldest = NULL;

    TAILQ_FOREACH(d, &l->deployments, link)
    {
        if (!deployment_is_over(d) &&
            strcmp(deployment_text(d, "deploymentGroupId"), group_id) == 0)
            oldest = d;
    }
    return oldest;
}

void ledger_add_previous(const struct ledger *l, const char *group_id, json_t *info)
{
    const struct deployment *d;

    TAILQ_FOREACH(d, &l->deployments, link)
    {
        if (d->state.status != DEPLOYMENT_SUCCEEDED ||
            strcmp(deployment_text(d, "deploymentGroupId"), group_id) != 0)
            continue;
        json_object_set(info, "previousRevision", json_object_get(d->info, "revision"));
        return;
    }
}

/* ---- New names ------------------------------------------------------------------------------- */

void ledger_new_id(struct ledger *l, char out[DEPLOYMENT_ID + 1])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    do {
        uint64_t random = prng_next(&l->rng);

        out[0] = 'd';
        out[1] = '-';
        for (int i = 2; i < DEPLOYMENT_ID; i++) {
            out[i] = letters[random % 36];
            random /= 36;
        }
        out[DEPLOYMENT_ID] = '\0';
    } while (ledger_deployment(l, out));
}

void ledger_new_uuid(struct ledger *l, char out[ID_LENGTH + 1])
{
    id_make(&l->rng, out);
    out[ID_LENGTH] = '\0';
}

uint64_t ledger_new_serial(struct ledger *l)
{
    return ++l->last_serial;
}

/* ---- Taking in ------------------------------------------------------------------------------- */

void ledger_add_take(struct ledger *l, struct deployment *d)
{
    struct deployment *at = TAILQ_FIRST(&l->deployments);

    while (at && at->serial > d->serial)
        at = TAILQ_NEXT(at, link);
    if (at)
        TAILQ_INSERT_BEFORE(at, d, link);
    else
        TAILQ_INSERT_TAIL(&l->deployments, d, link);
    l->nr_deployments++;
    if (d->serial > l->last_serial)
        l->last_serial = d->serial;
}

struct deployment *ledger_surplus(const struct ledger *l)
{
    struct deployment *d, *oldest = NULL;
    int nr = 0;

    if (l->nr_deployments <= LEDGER_DEPLOYMENTS_MAX)
        return NULL;
    TAILQ_FOREACH(d, &l->deployments, link)
    {
        nr += deployment_is_over(d);
        if (deployment_is_over(d) && !d->now.errand && !d->now.is_moving)
            oldest = d;
    }
    return nr > LEDGER_DEPLOYMENTS_MAX ? oldest : NULL;
}

void ledger_remove(struct ledger *l, struct deployment **d)
{
    TAILQ_REMOVE(&l->deployments, *d, link);
    l->nr_deployments--;
    deployment_free(d);
}

/* Where those of a kind are that belong to nothing; NULL: of the other kinds. */
static json_t *alone_of(struct ledger *l, enum ledger_kind kind)
{
    return kind == LEDGER_APPLICATION ? l->applications : kind == LEDGER_CONFIG ? l->configs : NULL;
}

/* Takes the document; 0, or -1 when out of memory. */
static int put(struct ledger *l, enum ledger_kind kind, const char *application, const char *name,
               json_t *document)
{
    json_t *owners = kind == LEDGER_GROUP ? l->groups : l->machine_aliases;
    json_t *groups = json_object_get(owners, application);

    if (alone_of(l, kind))
        return json_object_set_new(alone_of(l, kind), application, document);
    if (!groups) {
        groups = json_object();
        if (json_object_set_new(owners, application, groups) < 0) {
            json_decref(document);
            return -1;
        }
    }
    return json_object_set_new(groups, name, document);
}

static void drop(struct ledger *l, enum ledger_kind kind, const char *application, const char *name)
{
    if (alone_of(l, kind))
        json_object_del(alone_of(l, kind), application);
    else
        json_object_del(
            json_object_get(kind == LEDGER_GROUP ? l->groups : l->machine_aliases, application),
            name);
}

struct loading {
    struct ledger *ledger;
    bool is_out; /* of memory */
};

bool ledger_has_kind(const char *kind)
{
    for (int i = 0; i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return strcmp(kind, DEPLOYMENT) == 0 || strcmp(kind, ALARM) == 0;
}

/* Rows of deployments come in no order: sorting as they come costs little for so few. */
static void take_row(void *context, const struct store_row *row)
{
    struct loading *l = context;
    struct deployment *d;

    if (strcmp(row->kind, DEPLOYMENT) == 0) {
        d = deployment_read(row->document);
        if (d)
            ledger_add_take(l->ledger, d);
        else
            log_warning("the row of deployment %s cannot be read and is left alone", row->name);
        return;
    }
    if (strcmp(row->kind, ALARM) == 0)
        l->is_out |= json_object_set_new(l->ledger->alarms, row->name, json_true()) < 0;
    for (int i = 0; i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++) {
        const char *application =
            alone_of(l->ledger, (enum ledger_kind)i) ? row->name : row->function;
        if (strcmp(row->kind, kinds[i]) == 0)
            l->is_out |= put(l->ledger, (enum ledger_kind)i, application, row->name,
                             json_loads(row->document, 0, NULL)) < 0;
    }
}

static void follow_deployment(struct ledger *l, const struct store_edit *edit)
{
    struct deployment *d = ledger_deployment(l, edit->row.name), *news;

    if (edit->kind == STORE_DELETE) {
        if (d) {
            TAILQ_REMOVE(&l->deployments, d, link);
            TAILQ_INSERT_TAIL(&l->gone, d, link);
            l->nr_deployments--;
        }
        return;
    }
    news = deployment_read(edit->row.document);
    if (!news) {
        log_warning("the row of deployment %s cannot be read and is left alone", edit->row.name);
    } else if (d) {
        deployment_follow(d, news);
        deployment_free(&news);
    } else {
        news->now.step_ms = clock_ms();
        ledger_add_take(l, news);
    }
}

void ledger_follow(struct ledger *l, const struct store_edit *edit)
{
    const struct store_row *row = &edit->row;
    struct loading loading = {.ledger = l};

    if (strcmp(row->kind, DEPLOYMENT) == 0) {
        follow_deployment(l, edit);
        return;
    }
    if (edit->kind == STORE_PUT)
        take_row(&loading, row);
    else if (strcmp(row->kind, ALARM) == 0)
        json_object_del(l->alarms, row->name);
    for (int i = 0; edit->kind == STORE_DELETE && i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++)
        if (strcmp(row->kind, kinds[i]) == 0)
            drop(l, (enum ledger_kind)i, i == LEDGER_APPLICATION ? row->name : row->function,
                 row->name);
    if (loading.is_out)
        log_error("out of memory: %s %s is seen after the next start", row->kind, row->name);
}

int ledger_open(struct ledger *ledger, struct store *store, struct store_reason *reason)
{
    struct loading loading = {.ledger = ledger};

    *ledger = (struct ledger){
        .applications = json_object(),
        .groups = json_object(),
        .machine_aliases = json_object(),
        .configs = json_object(),
        .enlisted = json_object(),
        .alarms = json_object(),
        .began_s = (double)(clock_unix_us() / 1000) / 1000,
    };
    TAILQ_INIT(&ledger->deployments);
    TAILQ_INIT(&ledger->gone);
    prng_init(&ledger->rng);
    snprintf(reason->text, sizeof(reason->text), "out of memory");
    if (!ledger->applications || !ledger->groups || !ledger->machine_aliases || !ledger->alarms ||
        !ledger->configs || !ledger->enlisted)
        return -1;
    if (store_load_now(store, take_row, &loading, reason) < 0)
        return -1;
    return loading.is_out ? -1 : 0;
}

void ledger_fini(struct ledger *l)
{
    struct deployment *d;

    json_decref(l->applications);
    json_decref(l->groups);
    while (LIST_FIRST(&l->guests))
        LIST_FIRST(&l->guests)->end(LIST_FIRST(&l->guests));
    json_decref(l->enlisted);
    l->enlisted = NULL;
    json_decref(l->machine_aliases);
    json_decref(l->configs);
    json_decref(l->alarms);
    l->applications = l->groups = l->machine_aliases = l->configs = l->alarms = NULL;
    if (!l->deployments.tqh_last)
        return;
    TAILQ_CONCAT(&l->deployments, &l->gone, link);
    while ((d = TAILQ_FIRST(&l->deployments))) {
        TAILQ_REMOVE(&l->deployments, d, link);
        deployment_free(&d);
    }
}

/* ---- Changes --------------------------------------------------------------------------------- */

void ledger_edits_add(struct ledger_edits *edits, enum ledger_kind kind, const char *application,
                      const char *name, json_t *document)
{
    struct ledger_edit *list = reallocarray(edits->list, (size_t)edits->nr + 1, sizeof(list[0]));
    struct ledger_edit edit = {kind, strdup(application), strdup(name), document};

    if (list)
        edits->list = list;
    if (!list || !edit.application || !edit.name) {
        edits->is_short = true;
        free(edit.application);
        free(edit.name);
        json_decref(document);
        return;
    }
    list[edits->nr++] = edit;
}

void ledger_edits_keep(struct ledger_edits *edits, struct change *change)
{
    for (int i = 0; i < edits->nr; i++) {
        struct ledger_edit *e = &edits->list[i];
        bool is_group = e->kind == LEDGER_GROUP || e->kind == LEDGER_MACHINE_ALIAS;
        char *text = e->document ? jsondoc_dump_line(e->document, DIGITS) : NULL;
        struct store_edit edit = {.kind = e->document ? STORE_PUT : STORE_DELETE,
                                  .row = {.kind = kinds[e->kind],
                                          .function = is_group ? e->application : "",
                                          .name = is_group ? e->name : e->application,
                                          .document = text}};

        edits->is_short |= e->document && !text;
        change_keep(change, &edit);
        free(text);
    }
}

void ledger_edits_apply(struct ledger_edits *edits, struct ledger *ledger)
{
    for (int i = 0; i < edits->nr; i++) {
        struct ledger_edit *e = &edits->list[i];
        json_t *document = e->document;

        e->document = NULL;
        if (!document)
            drop(ledger, e->kind, e->application, e->name);
        else if (put(ledger, e->kind, e->application, e->name, document) < 0)
            log_error("out of memory: %s %s is seen after the next start", kinds[e->kind], e->name);
    }
}

void ledger_edits_fini(struct ledger_edits *edits)
{
    for (int i = 0; i < edits->nr; i++) {
        free(edits->list[i].application);
        free(edits->list[i].name);
        json_decref(edits->list[i].document);
    }
    free(edits->list);
    *edits = (struct ledger_edits){.nr = 0};
}

int ledger_keep_deployment(struct change *change, const struct deployment *d,
                           const struct deployment_state *state)
{
    char *text = deployment_write(d, state);
    struct store_edit edit = {
        .kind = STORE_PUT,
        .row = {.kind = DEPLOYMENT, .function = "", .name = d->id, .document = text}};

    if (!text)
        return -1;
    change_keep(change, &edit);
    free(text);
    return 0;
}

void ledger_drop_deployment(struct change *change, const struct deployment *d)
{
    struct store_edit edit = {.kind = STORE_DELETE,
                              .row = {.kind = DEPLOYMENT, .function = "", .name = d->id}};

    change_keep(change, &edit);
}
