/* The settings: from a document, from the command line, through a reload, and back to a document.
 *
 * Plain values are read by their rows (settings_rows.c). What is left for here is the list of
 * listeners, whose elements are made by way of a draft, and the life of the whole. */
#include "conf/settings.h"

#include <stdlib.h>
#include <string.h>

#include "conf/bindspec.h"
#include "conf/credentials.h"
#include "conf/pinkeys.h"
#include "conf/settings_rows.h"

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

static struct rows main_rows(void)
{
    return (struct rows){settings_rows_main, settings_rows_nr_main, read_special};
}

static struct rows listener_rows(void)
{
    return (struct rows){settings_rows_listener, settings_rows_nr_listener, read_special};
}

static struct rows certificate_rows(void)
{
    return (struct rows){settings_rows_certificate, settings_rows_nr_certificate, NULL};
}

/* ---- Listeners ------------------------------------------------------------------------------- */

static void certificate_fini(struct certificate_settings *certificate)
{
    struct rows rows = certificate_rows();

    rows_fini(&rows, certificate);
}

static void listener_fini(struct listener_settings *listener)
{
    for (int i = 0; i < listener->nr_certificates; i++)
        certificate_fini(&listener->certificates[i]);
    free(listener->certificates);
    free(listener->address);
    free(listener->client_ca);
    free(listener->min_version);
    *listener = (struct listener_settings){0};
}

static void draft_fini(struct listener_draft *draft)
{
    listener_fini(&draft->listener);
    free(draft->certificate);
    free(draft->key);
    *draft = (struct listener_draft){0};
}

/* A zeroed certificate at the end of the list; NULL when out of memory. */
static struct certificate_settings *add_certificate(struct listener_settings *listener)
{
    size_t nr = (size_t)listener->nr_certificates + 1;
    struct certificate_settings *list = realloc(listener->certificates, nr * sizeof(*list));

    if (!list)
        return NULL;
    listener->certificates = list;
    listener->nr_certificates = (int)nr;
    list[nr - 1] = (struct certificate_settings){0};
    return &list[nr - 1];
}

/* Two required keys that only make sense together. */
static void check_certificate(struct jsondoc *doc, const struct place *at, const char *certificate,
                              const char *key)
{
    if (!certificate)
        jsondoc_problem(doc, at, "missing", "\"certificate\" is missing: the name of a PEM file");
    if (!key)
        jsondoc_problem(doc, at, "missing", "\"key\" is missing: the name of a PEM file");
}

/* Tells whether an object has the key, whatever its value: a wrong value is reported once, not as
 * missing too. */
static const char *has_key(const json_t *object, const char *key)
{
    return json_object_get(object, key) ? key : NULL;
}

static void read_certificate(struct jsondoc *doc, const struct place *at, const json_t *value,
                             struct listener_settings *listener)
{
    struct rows rows = certificate_rows();
    struct certificate_settings *certificate;

    if (!jsondoc_is_object(doc, at, value, "an object with certificate and key"))
        return;
    certificate = add_certificate(listener);
    if (!certificate || rows_init(&rows, certificate) < 0) {
        jsondoc_no_memory(doc);
        return;
    }
    rows_read(&rows, doc, at, value, certificate);
    check_certificate(doc, at, has_key(value, "certificate"), has_key(value, "key"));
}

static void read_certificates(struct jsondoc *doc, const struct place *at, const struct row *row,
                              const json_t *value, struct listener_settings *listener)
{
    if (!jsondoc_is_array(doc, at, value, row->expected))
        return;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = JSONDOC_ITEM(at, i);
        read_certificate(doc, &item, json_array_get(value, i), listener);
    }
}

/* Rules between the keys of one listener. */
static void check_listener(struct jsondoc *doc, const struct place *at, const json_t *value,
                           const struct listener_draft *draft)
{
    const json_t *tls = json_object_get(value, "tls");
    struct place tls_at = JSONDOC_KEY(at, "tls");

    if (!has_key(value, "address"))
        jsondoc_problem(doc, at, "missing",
                        "\"address\" is missing: an address such as 0.0.0.0:8080");
    if (json_is_object(tls)) {
        check_certificate(doc, &tls_at, has_key(tls, "certificate"), has_key(tls, "key"));
        if (draft->listener.client_required && !has_key(tls, "client_ca"))
            jsondoc_problem(doc, &tls_at, "missing",
                            "client_required needs client_ca, the authorities of the certificates");
    }
    if (draft->listener.redirect_to_https && tls) {
        struct place redirect_at = JSONDOC_KEY(at, "redirect_to_https");
        jsondoc_problem(doc, &redirect_at, "conflict",
                        "a listener with tls is https already; remove redirect_to_https or tls");
    }
}

/* The rules of a listener's "tls" for the admin listener's. */
static void check_admin_tls(struct jsondoc *doc, const struct place *root, const json_t *json,
                            const struct settings *settings)
{
    const json_t *tls = json_object_get(json_object_get(json, "admin"), "tls");
    struct place admin = JSONDOC_KEY(root, "admin"), at = JSONDOC_KEY(&admin, "tls");

    if (!json_is_object(tls))
        return;
    check_certificate(doc, &at, has_key(tls, "certificate"), has_key(tls, "key"));
    if (settings->admin_tls.client_required && !has_key(tls, "client_ca"))
        jsondoc_problem(doc, &at, "missing",
                        "client_required needs client_ca, the authorities of the certificates");
}

/* Moves the draft's first certificate in front of the others. */
static int finish_draft(struct listener_draft *draft)
{
    struct listener_settings *listener = &draft->listener;

    if (!add_certificate(listener))
        return -1;
    memmove(&listener->certificates[1], &listener->certificates[0],
            (size_t)(listener->nr_certificates - 1) * sizeof(listener->certificates[0]));
    listener->certificates[0] = (struct certificate_settings){draft->certificate, draft->key};
    draft->certificate = NULL;
    draft->key = NULL;
    listener->is_tls = true;
    return 0;
}

/* Adds a listener to the settings, which own what it holds from now on. */
static int add_listener_take(struct settings *settings, struct listener_settings *listener)
{
    size_t nr = (size_t)settings->nr_listeners + 1;
    struct listener_settings *list = realloc(settings->listeners, nr * sizeof(*list));

    if (!list)
        return -1;
    settings->listeners = list;
    settings->nr_listeners = (int)nr;
    list[nr - 1] = *listener;
    *listener = (struct listener_settings){0};
    return 0;
}

static void read_listener(struct jsondoc *doc, const struct place *at, const json_t *value,
                          struct settings *settings)
{
    struct rows rows = listener_rows();
    struct listener_draft draft = {0};

    if (!jsondoc_is_object(doc, at, value, "an object such as {\"address\": \"0.0.0.0:8080\"}"))
        return;
    if (rows_init(&rows, &draft) < 0) {
        jsondoc_no_memory(doc);
        goto out;
    }
    rows_read(&rows, doc, at, value, &draft);
    check_listener(doc, at, value, &draft);
    if (doc->is_bad)
        goto out;
    if ((json_object_get(value, "tls") && finish_draft(&draft) < 0) ||
        add_listener_take(settings, &draft.listener) < 0)
        jsondoc_no_memory(doc);
out:
    draft_fini(&draft);
}

static void drop_listeners(struct settings *settings)
{
    for (int i = 0; i < settings->nr_listeners; i++)
        listener_fini(&settings->listeners[i]);
    free(settings->listeners);
    settings->listeners = NULL;
    settings->nr_listeners = 0;
}

static void read_listeners(struct jsondoc *doc, const struct place *at, const struct row *row,
                           const json_t *value, struct settings *settings)
{
    if (!jsondoc_is_array(doc, at, value, row->expected))
        return;
    if (json_array_size(value) == 0)
        jsondoc_problem(doc, at, "empty", "must have one listener at least, such as %s",
                        row->default_text);
    drop_listeners(settings);
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = JSONDOC_ITEM(at, i);
        read_listener(doc, &item, json_array_get(value, i), settings);
    }
}

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    if (strcmp(row->path, "listeners") == 0)
        read_listeners(doc, at, row, value, base);
    else
        read_certificates(doc, at, row, value, &((struct listener_draft *)base)->listener);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void settings_free(struct settings *settings)
{
    struct rows rows = main_rows();

    drop_listeners(settings);
    rows_fini(&rows, settings);
    credentials_free(&settings->secrets.credentials);
    credentials_free_secret(&settings->secrets.admin_token);
    pinkeys_free(&settings->secrets.pin_keys);
    credentials_free_secret(&settings->secrets.etcd_password);
    free(settings);
}

/* Settings with every default and one reference; NULL with a problem added. */
static struct settings *make_default(struct jsondoc *doc)
{
    struct rows rows = main_rows();
    const struct row *listeners = rows_find(&rows, "listeners");
    struct place root = JSONDOC_ROOT;
    struct settings *settings = calloc(1, sizeof(*settings));
    json_t *value = NULL;

    if (!settings || rows_init(&rows, settings) < 0) {
        jsondoc_no_memory(doc);
        goto out;
    }
    atomic_init(&settings->refs, 1);
    value = json_loads(listeners->default_text, 0, NULL);
    if (value)
        read_listeners(doc, &root, listeners, value, settings);
    else
        jsondoc_no_memory(doc);
out:
    json_decref(value);
    if (doc->is_bad && settings) {
        settings_free(settings);
        settings = NULL;
    }
    return settings;
}

/* The keys of the table document (conf/tabledoc.c). */
static const char *advise(const struct place *at)
{
    static const char *const keys[] = {"functions", "state_machines", "routes",
                                       "deployment_configs", "alarms"};

    for (size_t i = 0; !at->parent->parent && i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(at->key, keys[i]) == 0)
            return "it belongs in the table document (--table)";
    return NULL;
}

struct settings *settings_parse(const char *text, size_t length, const char *file,
                                struct problems *problems)
{
    struct jsondoc doc = {.file = file, .problems = problems, .advise = advise};
    struct rows rows = main_rows();
    struct place root = JSONDOC_ROOT;
    struct settings *settings = make_default(&doc);
    json_t *json = NULL;

    if (!settings || !text)
        return settings;
    json = jsondoc_load(&doc, text, length);
    if (json)
        rows_read(&rows, &doc, &root, json, settings);
    check_admin_tls(&doc, &root, json, settings);
    json_decref(json);
    if (doc.is_bad)
        settings_unref(&settings);
    return settings;
}

struct settings *settings_ref(struct settings *settings)
{
    atomic_fetch_add_explicit(&settings->refs, 1, memory_order_relaxed);
    return settings;
}

void settings_unref(struct settings **settings)
{
    struct settings *s = *settings;

    *settings = NULL;
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        settings_free(s);
}

/* ---- The command line ------------------------------------------------------------------------ */

/* A plain listener, with the rows' defaults, as {"address": ...} would make it. */
static void override_listener(struct jsondoc *doc, size_t index, const char *address,
                              struct settings *settings)
{
    struct place root = JSONDOC_ROOT;
    struct place list = JSONDOC_KEY(&root, "listeners");
    struct place at = JSONDOC_ITEM(&list, index);
    json_t *value;

    if (!jsondoc_is_utf8(address)) {
        jsondoc_problem(doc, &at, "invalid_utf8", "the address is not UTF-8");
        return;
    }
    value = json_object();
    if (value && json_object_set_new(value, "address", json_string(address)) == 0)
        read_listener(doc, &at, value, settings);
    else
        jsondoc_no_memory(doc);
    json_decref(value);
}

int settings_override_listeners(struct settings *settings, char *const *addresses, int nr,
                                struct problems *problems)
{
    struct jsondoc doc = {.file = "--listen", .problems = problems};

    if (nr > 0)
        drop_listeners(settings);
    for (int i = 0; i < nr; i++)
        override_listener(&doc, (size_t)i, addresses[i], settings);
    return doc.is_bad ? -1 : 0;
}

int settings_override(struct settings *settings, const char *path, const char *value,
                      struct problems *problems)
{
    struct jsondoc doc = {.file = "command line", .problems = problems};
    struct rows rows = main_rows();
    const struct row *row = rows_find(&rows, path);
    struct place root = JSONDOC_ROOT;

    if (row && row->type != ROWS_SPECIAL)
        rows_set_text(row, &doc, value, settings);
    else
        jsondoc_problem(
            &doc, &root, "unknown_key",
            "\"%.*s\" is not a setting that can be given so; docs/settings.md lists them",
            JSONDOC_QUOTE(path));
    return doc.is_bad ? -1 : 0;
}

/* ---- Reload ---------------------------------------------------------------------------------- */

static void note_kept(struct problems *notes, const char *path, const char *kept,
                      const char *wanted)
{
    char at[128];

    snprintf(at, sizeof(at), "$.%s", path);
    problems_add(notes, "not_reloadable", NULL, at,
                 "stays %s until the next start; %s is not taken over by a reload", kept, wanted);
}

static int copy_string(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -1 : 0;
}

/* to is empty before; what was copied when memory ran out is left for listener_fini. */
static int copy_listener(struct listener_settings *to, const struct listener_settings *from)
{
    *to = *from;
    to->address = to->client_ca = to->min_version = NULL;
    to->certificates = NULL;
    to->nr_certificates = 0;
    if (copy_string(&to->address, from->address) < 0 ||
        copy_string(&to->client_ca, from->client_ca) < 0 ||
        copy_string(&to->min_version, from->min_version) < 0)
        return -1;
    for (int i = 0; i < from->nr_certificates; i++) {
        struct certificate_settings *certificate = add_certificate(to);
        if (!certificate ||
            copy_string(&certificate->certificate, from->certificates[i].certificate) < 0 ||
            copy_string(&certificate->key, from->certificates[i].key) < 0)
            return -1;
    }
    return 0;
}

/* The listener of the list that uses the same socket in the same way, or NULL. */
static struct listener_settings *find_listener(const struct settings *settings,
                                               const struct listener_settings *like)
{
    for (int i = 0; i < settings->nr_listeners; i++) {
        struct listener_settings *listener = &settings->listeners[i];
        if (listener->address && strcmp(listener->address, like->address) == 0 &&
            listener->is_tls == like->is_tls)
            return listener;
    }
    return NULL;
}

/* Sockets are neither opened nor closed: the list stays that of current, but each listener that
 * next has too is next's. */
static int keep_listeners(struct settings *next, const struct settings *current,
                          struct problems *notes)
{
    struct settings kept = {0};
    int nr_found = 0;

    for (int i = 0; i < current->nr_listeners; i++) {
        struct listener_settings *found = find_listener(next, &current->listeners[i]);
        struct listener_settings listener = {0};
        if (found) {
            listener = *found;
            *found = (struct listener_settings){0};
            nr_found++;
        }
        if ((!found && copy_listener(&listener, &current->listeners[i]) < 0) ||
            add_listener_take(&kept, &listener) < 0) {
            listener_fini(&listener);
            drop_listeners(&kept);
            return -1;
        }
    }
    if (nr_found != current->nr_listeners || nr_found != next->nr_listeners)
        note_kept(notes, "listeners", "the list of addresses it was",
                  "another address, or tls where there was none,");
    drop_listeners(next);
    next->listeners = kept.listeners;
    next->nr_listeners = kept.nr_listeners;
    return 0;
}

int settings_keep(struct settings *next, const struct settings *current, struct problems *notes)
{
    for (int i = 0; i < settings_rows_nr_main; i++) {
        const struct row *row = &settings_rows_main[i];
        char kept[JSONDOC_TEXT_MAX], wanted[JSONDOC_TEXT_MAX];
        if (row->type == ROWS_SPECIAL || row->is_reloadable || rows_equal(row, next, current))
            continue;
        rows_value_text(row, current, kept, sizeof(kept));
        rows_value_text(row, next, wanted, sizeof(wanted));
        note_kept(notes, row->path, kept, wanted);
        if (rows_copy(row, next, current) < 0)
            return -1;
    }
    return keep_listeners(next, current, notes);
}

/* ---- Dump ------------------------------------------------------------------------------------ */

static int dump_certificates(const struct listener_settings *listener, json_t *tls)
{
    struct rows rows = certificate_rows();
    json_t *list;

    if (listener->nr_certificates < 2)
        return 0;
    list = json_array();
    if (!list || json_object_set_new(tls, "certificates", list) < 0)
        return -1;
    for (int i = 1; i < listener->nr_certificates; i++) {
        json_t *object = json_object();
        if (!object || json_array_append_new(list, object) < 0 ||
            rows_write(&rows, &listener->certificates[i], true, object) < 0)
            return -1;
    }
    return 0;
}

/* The rows of "tls" are written for a plain listener too, and taken out again: their presence is
 * what makes it TLS. */
static int dump_listener(const struct listener_settings *listener, json_t *list)
{
    struct rows rows = listener_rows();
    struct listener_draft draft = {.listener = *listener}; /* borrows the strings */
    json_t *object = json_object();

    if (!object || json_array_append_new(list, object) < 0)
        return -1;
    if (listener->is_tls) {
        draft.certificate = listener->certificates[0].certificate;
        draft.key = listener->certificates[0].key;
    }
    if (rows_write(&rows, &draft, true, object) < 0)
        return -1;
    if (listener->is_tls)
        return dump_certificates(listener, json_object_get(object, "tls"));
    return json_object_del(object, "tls");
}

/* As for listeners, "tls" is there only where it is spoken. */
static int dump_rows(const struct settings *settings, json_t *json)
{
    struct rows rows = main_rows();

    if (rows_write(&rows, settings, true, json) < 0)
        return -1;
    if (!settings->admin_tls.certificate)
        json_object_del(json_object_get(json, "admin"), "tls");
    return 0;
}

char *settings_dump(const struct settings *settings)
{
    json_t *json = json_object();
    json_t *list = json_array();
    char *text = NULL;

    /* set_new takes the list even where it fails. */
    if (!json || json_object_set_new(json, "listeners", list) < 0)
        goto out;
    for (int i = 0; i < settings->nr_listeners; i++)
        if (dump_listener(&settings->listeners[i], list) < 0)
            goto out;
    if (dump_rows(settings, json) == 0)
        text = jsondoc_dump(json, 17);
out:
    if (!json)
        json_decref(list);
    json_decref(json);
    return text;
}

struct listener_settings settings_admin_listener(const struct settings *settings,
                                                 struct certificate_settings *certificate)
{
    *certificate =
        (struct certificate_settings){settings->admin_tls.certificate, settings->admin_tls.key};
    return (struct listener_settings){
        .address = settings->admin_address,
        .is_tls = settings->admin_tls.certificate != NULL,
        .nr_certificates = 1,
        .certificates = certificate,
        .client_ca = settings->admin_tls.client_ca,
        .client_required = settings->admin_tls.client_required,
        .min_version = settings->admin_tls.min_version,
    };
}

static bool yields(const char *a, const char *b)
{
    struct bindspec x, y;

    return !bindspec_parse(str_of(a), &x) && !bindspec_parse(str_of(b), &y) &&
           bindspec_yields(&x, &y);
}

bool settings_leaves_ipv4(const struct settings *settings, const char *address)
{
    for (int i = 0; i < settings->nr_listeners; i++)
        if (yields(address, settings->listeners[i].address))
            return true;
    return yields(address, settings->admin_address);
}
