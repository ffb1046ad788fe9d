/* For the tests of control/: the admin API over a table of its own, without sockets, with hooks that can be told to fail. */
#ifndef WEIR_TESTS_UNIT_API_FIXTURE_H
#define WEIR_TESTS_UNIT_API_FIXTURE_H

#include "tests/unit/tabledoc_fixture.h"

#include <jansson.h>

#include "conf/settings.h"
#include "control/api.h"
#include <uv.h>

#include "conf/tabledoc_merge.h"
#include "control/change.h"
#include "control/listing.h"
#include "control/rowstore.h"
#include "store/store_memory.h"

static const char api_table[] =
    "{\"functions\": {"
    "  \"hello\": {\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://h:1\"]},"
    "                         \"1\": {\"endpoints\": [\"http://h:1\"]},"
    "                         \"2\": {\"endpoints\": [\"http://h:2\"]},"
    "                         \"3\": {\"endpoints\": [\"http://h:3\"]}},"
    "    \"aliases\": {\"live\": {\"weights\": {\"1\": 95, \"2\": 5}},"
    "                \"beta\": {\"weights\": {\"2\": 100}, \"split\": \"random\","
    "                         \"description\": \"for testers\", \"on_unavailable\": \"failover\"},"
    "                \"edge\": {\"weights\": {\"$LATEST\": 100}}}},"
    "  \"bare\": {\"versions\": {\"7\": {\"endpoints\": [\"http://h:7\"]}}}},"
    " \"routes\": [{\"path\": \"/\", \"function\": \"hello\", \"qualifier\": \"live\"}]}";

static struct {
    struct table *table;
    struct settings *settings;
    bool is_ready, is_draining, is_out_of_memory;
    bool is_reloading;
    struct api_build *build; /* is to be built */
    struct listing *listing; /* is to be written */
    struct merge_said *said; /* by the table file */
    uv_loop_t loop;
    struct store *store;
    store_told *told; /* of a store that does not work: what it is to tell */
    void *told_context;
    enum store_outcome outcome;
    struct rowstore rows;
    bool is_settling; /* workers take what is in force */
    int nr_changes, nr_reloads;
    const char *host, *origin, *content_type, *if_match, *if_none_match; /* of the next requests; NULL: none */
} api;

static void api_hook_reload(void *context, struct api_waiter *waiter)
{
    (void)context;
    assert_non_null(waiter);
    api.nr_reloads++;
}

static void api_hook_forget(void *context, struct api_waiter *waiter)
{
    (void)context;
    (void)waiter;
}

static char *api_write_metrics(const struct listing *listing, size_t *length)
{
    *length = 4;
    return strdup(listing->facts);
}

static int api_hook_metrics(void *context, bool all, struct listing *listing)
{
    (void)context;
    listing->facts = api.is_out_of_memory ? NULL : strdup(all ? "a 1\n" : "m 1\n");
    listing->free_facts = free;
    listing->write = api_write_metrics;
    return listing->facts ? 0 : -1;
}

static bool api_hook_is_ready(void *context)
{
    (void)context;
    return api.is_ready;
}

static bool api_hook_is_draining(void *context)
{
    (void)context;
    return api.is_draining;
}

static struct table *api_hook_table(void *context)
{
    (void)context;
    return api.table;
}

static const struct settings *api_hook_settings(void *context)
{
    (void)context;
    return api.settings;
}

static struct table *api_hook_with_alias(void *context, const struct target *target,
                                         const struct alias_spec *spec)
{
    (void)context;
    return api.is_out_of_memory ? NULL : table_with_alias(api.table, target, spec);
}

static const struct merge_said *api_hook_said(void *context)
{
    (void)context;
    return api.said;
}

static void api_hook_build(void *context, struct api_build *build)
{
    (void)context;
    api.build = build;
}

static bool api_hook_is_reloading(void *context)
{
    (void)context;
    return api.is_reloading;
}

static int api_hook_write(void *context, struct listing *listing)
{
    (void)context;
    api.listing = listing;
    return api.is_out_of_memory ? -1 : 0;
}

static void api_hook_put_table(void *context, struct table *table)
{
    (void)context;
    assert_int_equal(table_open(table), 0);
    fixture_drop(&api.table);
    api.table = table;
    api.nr_changes++;
}

static void api_hook_between(void *context)
{
    (void)context;
}

static void api_hook_soon(void *context)
{
    (void)context;
}

static void api_hook_soon_on_all(void *context)
{
    (void)context;
    api.is_settling = true;
}

static struct api_hooks api_hooks = {
    .reload = api_hook_reload,
    .forget = api_hook_forget,
    .metrics = api_hook_metrics,
    .is_ready = api_hook_is_ready,
    .is_draining = api_hook_is_draining,
    .table = api_hook_table,
    .settings = api_hook_settings,
    .with_alias = api_hook_with_alias,
    .said = api_hook_said,
    .build = api_hook_build,
    .is_reloading = api_hook_is_reloading,
    .write = api_hook_write,
    .put_table = api_hook_put_table,
    .between = api_hook_between,
    .soon = api_hook_soon,
    .soon_on_all = api_hook_soon_on_all,
    .rows = &api.rows,
};

/* In memory, as where there is no state.directory. */
static inline void api_open_store(void)
{
    struct store_host host = {.loop = &api.loop};
    struct store_reason reason;

    assert_int_equal(uv_loop_init(&api.loop), 0);
    api.store = store_memory_open(&host);
    assert_non_null(api.store);
    assert_int_equal(rowstore_open(&api.rows, api.store, &reason), 0);
}

static inline void api_close_store(void)
{
    change_engine_end(api_hooks.changes);
    store_close(&api.store);
    uv_run(&api.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&api.loop), 0);
    rowstore_fini(&api.rows);
}

/* Takes a table file over, as the start and a reload do. */
static inline void api_reload(const char *text)
{
    struct problems problems = {0};
    struct tabledoc_merge merge = {.base = api.said,
                                   .ours = api.table,
                                   .file = "t.json",
                                   .overlay = api.rows.overlay};
    struct table *next = tabledoc_take(fixture.registry, api.table, &merge, text, strlen(text),
                                       "t.json", &problems);

    if (!next)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    if (next == api.table) {
        table_unref(&next);
    } else {
        assert_int_equal(table_open(next), 0);
        if (api.table)
            fixture_drop(&api.table);
        api.table = next;
    }
    rowstore_drop(&api.rows, merge.lost, merge.nr_lost);
    if (merge.theirs) {
        merge_said_free(&api.said);
        api.said = merge.theirs;
        merge.theirs = NULL;
    }
    tabledoc_merge_fini(&merge);
}

/* api_table with other weights for hello:live. */
static inline void api_reload_changed(const char *from, const char *to)
{
    char text[2048];
    const char *at = strstr(api_table, from);

    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - api_table), api_table, to,
             at + strlen(from));
    api_reload(text);
}

static inline int api_setup(void **state)
{
    (void)state;
    memset(&api, 0, sizeof(api));
    api.settings = settings_parse("{}", 2, "s.json", NULL);
    api.host = "127.0.0.1:9901";
    api_hooks.changes = change_engine_make(&api_hooks);
    api_open_store();
    api_reload(api_table);
    return api.settings ? 0 : -1;
}

static inline int api_teardown(void **state)
{
    (void)state;
    api_close_store();
    change_engine_free(&api_hooks.changes);
    merge_said_free(&api.said);
    fixture_drop(&api.table);
    settings_unref(&api.settings);
    return 0;
}

static inline struct str api_optional(const char *text)
{
    return text ? str_of(text) : (struct str){NULL, 0};
}

/* What a reload is answered with: it is over when the request asks for it. */
static inline void api_answer(struct api_response *response)
{
    struct problems problems = {0}, notes = {0}, changes = {0};
    struct api_reload result = {!api.is_out_of_memory, &problems, &notes, &changes};

    if (api.is_out_of_memory) {
        problems_add(&problems, "no_memory", "t.json", "$", "out of memory");
    } else {
        problems_add(&notes, "not_reloadable", NULL, "$.workers", "stays 2");
        problems_add(&changes, "changed", "t.json", "$.functions.f.aliases.a", "f:a 1/99 -> 2/98");
    }
    api_answer_reload(&api_hooks, &result, response);
    problems_fini(&problems);
    problems_fini(&notes);
    problems_fini(&changes);
}

/* Where answers that come later are put. */
static struct api_response api_late;

static inline void api_on_answered(struct api_waiter *waiter, struct api_response *response)
{
    (void)waiter;
    api_late = *response;
}

/* Lets the changes that wait come into force. */
static inline void api_go_on(void)
{
    change_engine_turn(api_hooks.changes);
    for (int i = 0; i < 5 || api.is_settling || api.build; i++) {
        uv_run(&api.loop, UV_RUN_NOWAIT); /* the store tells */
        if (api.told) {
            store_told *told = api.told;
            api.told = NULL;
            told(api.told_context, api.outcome, "the disk is full");
        }
        if (api.build) {
            struct api_build *b = api.build;
            api.build = NULL;
            if (b->text)
                b->table = tabledoc_build(fixture.registry, b->previous, b->text, b->length, NULL,
                                          b->problems);
            else
                b->table = tabledoc_edit(fixture.registry, b->previous, b->edits, b->nr_edits,
                                         b->problems);
            if (b->table)
                assert_int_equal(b->compare(b), 0);
            change_engine_built(api_hooks.changes);
            continue;
        }
        if (api.is_settling) {
            api.is_settling = false;
            change_engine_settled(api_hooks.changes);
        }
    }
}

/* The response, its body to be freed. A body goes as application/json unless api.content_type says otherwise. */
static inline struct api_response api_ask(const char *method, const char *target, const char *body)
{
    const char *mark = strchr(target, '?');
    struct api_request request = {
        .method = str_of(method),
        .path = {target, mark ? (size_t)(mark - target) : strlen(target)},
        .query = str_of(mark ? mark + 1 : ""),
        .host = str_of(api.host ? api.host : ""),
        .origin = api_optional(api.origin),
        .content_type = api_optional(api.content_type ? api.content_type : body ? "application/json" : NULL),
        .if_match = api_optional(api.if_match),
        .if_none_match = api_optional(api.if_none_match),
        .body = str_of(body),
    };
    struct api_response response;
    struct api_waiter waiter = {.answered = api_on_answered};

    memset(&response, 0x5a, sizeof(response));
    if (!api_handle(&api_hooks, &request, &waiter, &response)) {
        api_late = (struct api_response){.status = 0};
        if (waiter.change) {
            api_go_on();
        } else if (waiter.listing) {
            listing_write(api.listing);
            assert_null(listing_written(api.listing));
        } else {
            api_answer(&response);
        }
        if (api_late.status)
            response = api_late;
        for (int i = 0; i < 10 && qsbr_reclaim(fixture.domain) > 0; i++)
            continue; /* tables that did not come into force */
    }
    if (response.body && strlen(response.body) != response.length)
        fail_msg("%s %s: a body of %zu bytes is said to have %zu", method, target, strlen(response.body),
                 response.length);
    return response;
}

/* The status is this and, if not NULL, the body has part and the error is of type. */
static inline void api_expect(const char *method, const char *target, const char *body, int status, const char *type,
                              const char *part)
{
    struct api_response response = api_ask(method, target, body);
    bool is_type = type ? response.error_type && strcmp(type, response.error_type) == 0 : !response.error_type;

    if (response.status != status || !is_type || (part && (!response.body || !strstr(response.body, part))))
        fail_msg("%s %s %s: %d %s %s, but should be %d %s with %s", method, target, body ? body : "", response.status,
                 response.error_type ? response.error_type : "-", response.body ? response.body : "-", status,
                 type ? type : "-", part ? part : "anything");
    free(response.body);
}

/* The body of a 200, parsed. */
static inline json_t *api_get(const char *method, const char *target, const char *body)
{
    struct api_response response = api_ask(method, target, body);
    json_t *json = response.body ? json_loads(response.body, 0, NULL) : NULL;

    if (response.status != 200 || !json)
        fail_msg("%s %s: %d %s", method, target, response.status, response.body ? response.body : "-");
    assert_string_equal(response.content_type, "application/json");
    free(response.body);
    return json;
}

#endif
