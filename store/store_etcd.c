/* The interface of the store in etcd, its start and its end. */
#include "store/store_etcd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/etcd_share.h"
#include "store/reason.h"

/* ---- Calls ----------------------------------------------------------------------------------- */

struct loading {
    struct store_etcd *e;
    store_each_row *each;
    void *context;
};

static void load_local(void *context, const struct store_row *row)
{
    const struct loading *l = context;

    if (!l->e->is_shared(row->kind))
        l->each(l->context, row);
}

static int load_now(struct store *store, store_each_row *each, void *context,
                    struct store_reason *reason)
{
    struct store_etcd *e = (struct store_etcd *)store;
    struct loading l = {e, each, context};

    for (int i = 0; i < PIECES_NR; i++)
        if (e->force.texts[i] && pieces_each(e->force.texts[i], each, context, reason) < 0)
            return -1;
    return store_load_now(e->local, load_local, &l, reason);
}

static int value_now(struct store *store, const char *name, char **text,
                     struct store_reason *reason)
{
    return store_value_now(((struct store_etcd *)store)->local, name, text, reason);
}

static bool has_shared(const struct store_etcd *e, const struct store_edit *edits, int nr)
{
    for (int i = 0; i < nr; i++)
        if (edits[i].kind != STORE_SET && e->is_shared(edits[i].row.kind))
            return true;
    return false;
}

static int change(struct store *store, const struct store_edit *edits, int nr, store_told *told,
                  void *context)
{
    struct store_etcd *e = (struct store_etcd *)store;
    struct job *job;

    if (!e->replaces && !has_shared(e, edits, nr))
        return store_change(e->local, edits, nr, told, context);
    job = e->is_closing || e->write.job ? NULL : job_change(edits, nr, told, context);
    if (!job)
        return -1;
    etcd_write_begin(e, &job);
    return 0;
}

static int events_now(struct store *store, store_each_event *each, void *context,
                      struct store_reason *reason)
{
    return store_events_now(((struct store_etcd *)store)->local, each, context, reason);
}

static const char *event_put(struct store *store, struct store_event_put *put)
{
    return store_event_put(((struct store_etcd *)store)->local, put);
}

static int event_update(struct store *store, const struct store_event *event, store_told *told,
                        void *context)
{
    return store_event_update(((struct store_etcd *)store)->local, event, told, context);
}

static int event_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    return store_event_delete(((struct store_etcd *)store)->local, key, told, context);
}

static int event_fetch(struct store *store, uint64_t key, store_event_told *told, void *context)
{
    return store_event_fetch(((struct store_etcd *)store)->local, key, told, context);
}

static uint64_t nr_events(struct store *store)
{
    return store_nr_events(((struct store_etcd *)store)->local);
}

static uint64_t oldest_event_ms(struct store *store)
{
    return store_oldest_event_ms(((struct store_etcd *)store)->local);
}

/* ---- Executions: all of them this process' own ----------------------------------------------- */

static int executions_now(struct store *store, store_each_execution *each, void *context,
                          struct store_reason *reason)
{
    return store_executions_now(((struct store_etcd *)store)->local, each, context, reason);
}

static uint64_t execution_key(struct store *store)
{
    return store_execution_key(((struct store_etcd *)store)->local);
}

static int execution_put(struct store *store, const struct store_execution *execution, uint64_t max,
                         store_told *told, void *context)
{
    return store_execution_put(((struct store_etcd *)store)->local, execution, max, told, context);
}

static int execution_update(struct store *store, const struct store_execution *execution,
                            store_told *told, void *context)
{
    return store_execution_update(((struct store_etcd *)store)->local, execution, told, context);
}

static int execution_delete(struct store *store, uint64_t key, store_told *told, void *context)
{
    return store_execution_delete(((struct store_etcd *)store)->local, key, told, context);
}

static int executions_prune(struct store *store, uint64_t ended_before_ms, store_told *told,
                            void *context)
{
    return store_executions_prune(((struct store_etcd *)store)->local, ended_before_ms, told,
                                  context);
}

static int executions_read(struct store *store, const struct store_execution_query *query,
                           store_executions_told *told, void *context)
{
    return store_executions_read(((struct store_etcd *)store)->local, query, told, context);
}

/* ---- What others have changed ---------------------------------------------------------------- */

/* The news are in force. */
static void take_news(struct store_etcd *e)
{
    struct pieces *news = &e->view.news;

    for (int i = 0; i < PIECES_NR; i++) {
        if (news->ids[i][0] && strcmp(news->ids[i], e->force.ids[i]) == 0)
            continue;
        free(e->force.texts[i]);
        e->force.texts[i] = news->texts[i];
        news->texts[i] = NULL;
    }
    memcpy(e->force.ids, news->ids, sizeof(e->force.ids));
    memcpy(e->force.change, news->change, sizeof(e->force.change));
    memcpy(e->force.by, news->by, sizeof(e->force.by));
    e->store.generation = e->view.following;
}

static void take(struct store *store, bool is_right)
{
    struct store_etcd *e = (struct store_etcd *)store;
    struct etcd_view *view = &e->view;

    if (!view->is_following)
        return;
    view->is_following = false;
    if (is_right) {
        take_news(e);
        etcd_members_tell(e);
        etcd_copy_write(e, view->told->edits, view->told->nr_edits, NULL, NULL);
    }
    job_free(&view->told);
    if (!is_right)
        etcd_view_reject(e, view->following, "the log says why");
    if (view->seen != view->following) {
        pieces_fini(&view->news);
        view->is_known = false;
        etcd_view_read(e);
    }
}

static void replace(struct store *store)
{
    ((struct store_etcd *)store)->replaces = store->is_lost;
}

static void lead(struct store *store)
{
    ((struct store_etcd *)store)->is_led = true;
}

static int await(struct store *store, uint64_t generation, store_told *told, void *context)
{
    return etcd_await_begin((struct store_etcd *)store, generation, told, context);
}

void store_etcd_report(struct store *store, struct store_etcd_report *report)
{
    const struct store_etcd *e = (struct store_etcd *)store;

    *report = (struct store_etcd_report){.is_up = e->view.is_up,
                                         .endpoint = etcd_endpoint(e->etcd),
                                         .seen = e->view.seen,
                                         .reason = !e->view.is_up     ? e->view.reason
                                                   : e->store.is_lost ? e->view.lost
                                                                      : "",
                                         .nr_rejected = e->view.nr_rejected};
}

void store_etcd_fleet(struct store *store, struct store_etcd_fleet *fleet)
{
    const struct store_etcd *e = (struct store_etcd *)store;

    *fleet = (struct store_etcd_fleet){.id = e->member,
                                       .leader = etcd_members_leader(e),
                                       .leads = etcd_members_leads(e),
                                       .slot = e->slot.number,
                                       .is_slot_new = e->slot.is_new,
                                       .members = e->members.list,
                                       .nr_members = e->members.nr};
}

void store_etcd_join(struct store *store)
{
    etcd_members_join((struct store_etcd *)store);
}

void store_etcd_leave(struct store *store)
{
    etcd_members_leave((struct store_etcd *)store);
}

void store_etcd_end(struct store *store, void (*left)(void *context), void *context)
{
    struct store_etcd *e = (struct store_etcd *)store;

    etcd_slot_free(e);
    etcd_members_end(e, left, context);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static void free_store(struct store_etcd *e)
{
    etcd_write_fini(e);
    etcd_view_fini(e);
    etcd_members_fini(e);
    etcd_await_fini(e);
    etcd_accounts_fini(e);
    etcd_free(&e->etcd);
    pieces_fini(&e->force);
    if (e->local)
        store_close(&e->local);
    free(e->prefix);
    free(e->table_key);
    free(e->member);
    free(e);
}

static void close_etcd(struct store **store)
{
    struct store_etcd *e = (struct store_etcd *)*store;

    *store = NULL;
    e->is_closing = true;
    free_store(e);
}

static const struct store_ops ops = {
    .load_now = load_now,
    .value_now = value_now,
    .change = change,
    .events_now = events_now,
    .event_put = event_put,
    .event_update = event_update,
    .event_delete = event_delete,
    .event_fetch = event_fetch,
    .nr_events = nr_events,
    .oldest_event_ms = oldest_event_ms,
    .executions_now = executions_now,
    .execution_key = execution_key,
    .execution_put = execution_put,
    .execution_update = execution_update,
    .execution_delete = execution_delete,
    .executions_prune = executions_prune,
    .executions_read = executions_read,
    .close = close_etcd,
    .take = take,
    .replace = replace,
    .lead = lead,
    .await = await,
};

/* ---- Starting -------------------------------------------------------------------------------- */

static void take_at_start(void *context, const struct store_edit *edits, int nr,
                          uint64_t generation)
{
    (void)edits;
    (void)nr;
    (void)generation;
    store_take(context, true);
}

/* Is it known how the start goes on? */
static bool is_decided(const struct store_etcd *e)
{
    const struct etcd_view *view = &e->view;

    return view->is_refused ||
           (e->slot.is_held &&
            (e->force.change[0] ||
             (view->has_read && view->is_up && (view->seen == 0 || view->seen == view->rejected))));
}

static void wait_for_etcd(struct store_etcd *e, uint64_t wait_ms)
{
    uint64_t until_us = clock_us() + wait_ms * 1000;

    e->store.watch = (struct store_watch){take_at_start, &e->store};
    etcd_view_read(e);
    while (!is_decided(e) && clock_us() < until_us)
        uv_run(e->host.loop, UV_RUN_ONCE);
    e->store.watch = (struct store_watch){NULL, NULL};
}

/* 0, or -1 with a reason. */
static int decide(struct store_etcd *e, bool has_copy, enum store_etcd_start *start,
                  struct store_reason *reason)
{
    struct etcd_view *view = &e->view;
    bool is_empty = view->has_read && view->is_up && view->seen == 0;

    reason->text[0] = '\0';
    if (e->force.change[0]) {
        *start = STORE_ETCD_READ;
        return 0;
    }
    if (is_empty && !has_copy) {
        *start = STORE_ETCD_EMPTY;
        return 0;
    }
    *start = STORE_ETCD_COPY;
    if (is_empty)
        etcd_view_lose(e);
    if (!is_empty && !view->reason[0] && !e->store.is_lost)
        snprintf(view->reason, sizeof(view->reason), "etcd at %s does not answer",
                 etcd_endpoint(e->etcd));
    reason_say(reason, "%s%s", is_empty || e->store.is_lost ? view->lost : view->reason,
               has_copy ? "" : ", and state.directory has no copy of the table");
    return has_copy ? 0 : -1;
}

static int copy_text(char **to, const char *from, const char *more)
{
    size_t n = strlen(from) + strlen(more) + 1;

    *to = malloc(n);
    if (*to)
        snprintf(*to, n, "%s%s", from, more);
    return *to ? 0 : -1;
}

static void on_members(struct store_etcd *e)
{
    etcd_slot_tend(e);
    etcd_await_look(e);
}

static struct store_etcd *make(const struct store_host *host,
                               const struct store_etcd_options *options,
                               struct store_reason *reason)
{
    struct etcd_options etcd = options->etcd;
    struct store_etcd *e = calloc(1, sizeof(*e));
    int r = 0;

    reason_say(reason, "out of memory");
    if (!e)
        return NULL;
    e->store.ops = &ops;
    e->store.is_durable = true;
    e->store.is_shared = true;
    e->host = *host;
    e->timeout_ms = options->etcd.timeout_ms;
    e->is_shared = options->is_shared;
    TAILQ_INIT(&e->waits);
    e->view.on_members = on_members;
    prng_init(&e->rng);
    etcd.host = *host;
    r |= copy_text(&e->prefix, options->prefix, "");
    r |= copy_text(&e->table_key, options->prefix, "table");
    r |= copy_text(&e->member, options->member, "");
    if (r == 0)
        r = etcd_view_init(e);
    if (r == 0)
        r = etcd_write_init(e);
    if (r == 0)
        r = etcd_members_init(e, options);
    if (r == 0)
        r = etcd_accounts_init(e);
    if (r == 0)
        e->etcd = etcd_make(&etcd, reason);
    if (!e->etcd) {
        free_store(e);
        return NULL;
    }
    return e;
}

struct store *store_etcd_open(const struct store_host *host,
                              const struct store_etcd_options *options, struct store **local,
                              enum store_etcd_start *start, struct store_reason *reason)
{
    struct store_etcd *e = make(host, options, reason);
    struct store *store;
    bool has_copy;

    if (!e)
        return NULL;
    e->local = *local;
    if (etcd_slot_open(e, reason) == 0 && etcd_copy_open(e, &has_copy, reason) == 0) {
        wait_for_etcd(e, options->start_wait_ms);
        if (decide(e, has_copy, start, reason) == 0) {
            *local = NULL;
            e->is_open = true;
            return &e->store;
        }
    }
    e->local = NULL; /* stays the caller's */
    store = &e->store;
    close_etcd(&store);
    return NULL;
}
