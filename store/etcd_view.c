/* What etcd has. The switching key is read every few hundred ms, and watched beside that; each new
 * one is followed by reading the pieces that are others than those in force. */
#include "store/etcd_share.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/editlist.h"
#include "store/reason.h"

enum { READ_MS_MAX = 500, READ_MS_MIN = 20, PIECES_A_LOAD = 16, MISSED_MAX = 5 };

static void begin_watch(struct store_etcd *e, uint64_t revision);

/* ---- Up and down ----------------------------------------------------------------------------- */

static void set_up(struct store_etcd *e, bool is_up, const char *reason)
{
    struct etcd_view *view = &e->view;
    bool is_news = e->is_open && (view->is_up != is_up || !view->was_told);

    view->was_told |= e->is_open;
    if (!is_up)
        snprintf(view->reason, sizeof(view->reason), "%s", reason);
    else if (!view->is_up)
        view->reason[0] = '\0';
    view->is_up = is_up;
    if (is_news && is_up)
        log_info("etcd at %s answers", etcd_endpoint(e->etcd));
    else if (is_news)
        log_warning("%s; what is in force stays, and changes are refused", reason);
}

void etcd_view_reject(struct store_etcd *e, uint64_t revision, const char *reason)
{
    struct etcd_view *view = &e->view;

    if (revision == view->rejected && revision != 0)
        return;
    view->rejected = revision;
    view->nr_rejected++;
    snprintf(view->lost, sizeof(view->lost),
             "what etcd has under %s (revision %llu) is no right table: %.400s", e->table_key,
             (unsigned long long)revision, reason);
    log_error("%s; what is in force stays", view->lost);
    e->store.is_lost = view->seen == revision;
    e->view.on_news(e, false);
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void collect(void *context, const struct store_edit *edit)
{
    editlist_add(context, edit);
}

static bool is_other(const struct store_etcd *e, int piece)
{
    return strcmp(e->view.news.ids[piece], e->force.ids[piece]) != 0;
}

/* All pieces are there. */
static void tell(struct store_etcd *e)
{
    struct etcd_view *view = &e->view;
    struct editlist list = {.nr = 0};
    struct store_reason reason;
    int r = 0;

    for (int i = 0; i < PIECES_NR && r == 0; i++)
        if (is_other(e, i) || !e->force.ids[i][0])
            r = pieces_compare(e->force.texts[i], is_other(e, i) ? view->news.texts[i] : NULL,
                               collect, &list, &reason);
    if (r < 0) {
        etcd_view_reject(e, view->seen, reason.text);
    } else if (!list.is_out && e->store.watch.changed &&
               (view->told = job_change(list.edits, list.nr, NULL, NULL))) {
        view->is_following = true;
        view->following = view->seen;
        e->store.watch.changed(e->store.watch.context, list.edits, list.nr, view->seen);
        e->view.on_news(e, true);
    }
    editlist_fini(&list);
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

static int piece_of_key(const struct store_etcd *e, struct str key)
{
    size_t n = strlen(e->prefix);
    char name[3] = "";

    if (key.n != n + 2 + 2 + 1 + PIECES_ID)
        return -1;
    memcpy(name, key.p + n + 2, 2);
    return (int)strtoul(name, NULL, 16);
}

static bool is_wanted(const struct store_etcd *e, int piece)
{
    const struct pieces *news = &e->view.news;

    return news->ids[piece][0] && is_other(e, piece) && !news->texts[piece];
}

static void on_loaded(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                      const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_view *view = &e->view;
    int nr = 0;

    view->load = NULL;
    if (fate != ETCD_ANSWERED || answer->error) {
        set_up(e, false, reason);
        return; /* the next read goes on */
    }
    for (int i = 0; view->is_known && i < answer->nr_kvs; i++) {
        int piece = piece_of_key(e, answer->kvs[i].key);
        struct str id = answer->kvs[i].key;

        if (piece < 0 || piece >= PIECES_NR || !is_wanted(e, piece) ||
            strcmp(id.p + id.n - PIECES_ID, view->news.ids[piece]) != 0)
            continue;
        view->news.texts[piece] = strdup(answer->kvs[i].value.p);
        nr += view->news.texts[piece] != NULL;
    }
    view->nr_missed = nr > 0 ? 0 : view->nr_missed + 1;
    if (view->nr_missed < MISSED_MAX && nr > 0)
        etcd_view_go_on(e);
    else if (view->nr_missed < MISSED_MAX)
        etcd_view_read(e); /* the pieces have gone: the switching key is another one */
    else
        etcd_view_reject(e, view->seen, "pieces that it names are not there");
}

static bool load(struct store_etcd *e)
{
    struct buffer body = {0}, key = {0};
    struct etcdjson_txn txn;

    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_then(&txn);
    for (int i = 0; i < PIECES_NR && txn.nr_ops < PIECES_A_LOAD; i++) {
        if (!is_wanted(e, i))
            continue;
        pieces_key(&key, e->prefix, i, e->view.news.ids[i]);
        etcdjson_txn_range(&txn, &(struct etcdjson_range){.key = buffer_text(&key)});
        body.is_out |= key.is_out;
        buffer_fini(&key);
    }
    if (txn.nr_ops == 0) {
        buffer_fini(&body);
        return false;
    }
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    e->view.load = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_loaded, e);
    return true;
}

void etcd_view_go_on(struct store_etcd *e)
{
    struct etcd_view *view = &e->view;

    if (e->is_closing || view->load || view->is_following || !view->is_known ||
        view->seen == view->rejected)
        return;
    if (strcmp(view->news.change, e->force.change) == 0)
        return; /* taken already */
    if (!load(e))
        tell(e);
}

void etcd_view_lose(struct store_etcd *e)
{
    struct etcd_view *view = &e->view;

    e->store.is_lost = e->store.generation > 0;
    snprintf(view->lost, sizeof(view->lost),
             "etcd has no table under %s: it may have lost its data", e->table_key);
}

void etcd_view_see(struct store_etcd *e, uint64_t revision, const char *value)
{
    struct etcd_view *view = &e->view;
    struct store_reason reason;

    if (revision == view->seen && (view->is_known || !value || revision == view->rejected))
        return;
    etcd_cancel(&view->load);
    view->seen = revision;
    view->nr_missed = 0;
    if (!view->is_following)
        pieces_fini(&view->news);
    view->is_known = false;
    if (!value) {
        etcd_view_lose(e);
        if (e->store.is_lost)
            log_error("%s; what is in force stays, and changes are refused until weir apply puts "
                      "a table there",
                      view->lost);
        e->view.on_news(e, false);
        return;
    }
    e->store.is_lost = false;
    if (view->is_following)
        return; /* read anew once that is over */
    if (pieces_read(&view->news, value, &reason) < 0) {
        etcd_view_reject(e, revision, reason.text);
        return;
    }
    view->is_known = true;
    etcd_view_go_on(e);
}

/* ---- The watch ------------------------------------------------------------------------------- */

static void on_watch_ended(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                           const char *reason)
{
    struct store_etcd *e = context;

    (void)fate;
    (void)answer;
    (void)reason;
    e->view.watch = NULL; /* the next read begins another */
}

static void on_watch(void *context, struct etcdjson_answer *answer)
{
    struct store_etcd *e = context;
    struct etcd_view *view = &e->view;

    if (answer->error || answer->is_canceled) {
        etcd_cancel(&view->watch);
        return;
    }
    for (int i = 0; i < answer->nr_kvs; i++) {
        const struct etcdjson_kv *kv = &answer->kvs[i];

        if (kv->mod_revision <= view->seen)
            continue;
        view->nr_lines++;
        if (kv->is_deleted) {
            etcd_view_see(e, 0, NULL);
            continue;
        }
        e->view.on_read(e, true, kv->mod_revision, kv->value.p);
        etcd_view_see(e, kv->mod_revision, kv->value.p);
    }
}

static void begin_watch(struct store_etcd *e, uint64_t revision)
{
    struct buffer body = {0};

    etcd_cancel(&e->view.watch);
    etcdjson_ask_watch(&body, str_of(e->table_key), STR(""), revision);
    e->view.watch = etcd_watch(e->etcd, &body, on_watch, on_watch_ended, e);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void on_time(uv_timer_t *timer)
{
    struct store_etcd *e = timer->data;

    if (e->host.wake_up)
        e->host.wake_up(e->host.context);
    etcd_view_read(e);
}

static void read_later(struct store_etcd *e)
{
    uint64_t ms = e->timeout_ms / 2;

    if (!TAILQ_EMPTY(&e->waits))
        ms = READ_MS_MIN;
    ms = ms > READ_MS_MAX ? READ_MS_MAX : ms < READ_MS_MIN ? READ_MS_MIN : ms;
    uv_update_time(e->host.loop);
    uv_timer_start(e->view.timer, on_time, ms, 0);
}

static const struct etcdjson_kv *find(const struct etcdjson_answer *answer, struct str key)
{
    for (int i = 0; i < answer->nr_kvs; i++)
        if (str_eq(answer->kvs[i].key, key))
            return &answer->kvs[i];
    return NULL;
}

static void take_read(struct store_etcd *e, const struct etcdjson_answer *answer)
{
    struct etcd_view *view = &e->view;
    const struct etcdjson_kv *kv = find(answer, str_of(e->table_key));
    uint64_t revision = kv ? kv->mod_revision : 0;
    bool is_stale = view->nr_lines != view->read_after; /* the watch was faster */

    view->has_read = true;
    if (is_stale) {
        e->view.on_read(e, false, 0, NULL);
        etcd_view_go_on(e);
        return;
    }
    /* A watch that did not tell of it is dead, or of a cluster that has begun anew. */
    if (!view->watch || revision != view->seen)
        begin_watch(e, answer->revision + 1);
    e->view.on_read(e, true, revision, kv ? kv->value.p : NULL);
    etcd_view_see(e, revision, kv ? kv->value.p : NULL);
    etcd_view_go_on(e);
}

static void on_read(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                    const char *reason)
{
    struct store_etcd *e = context;

    e->view.read = NULL;
    e->view.is_refused = answer && answer->error;
    read_later(e);
    if (fate == ETCD_ANSWERED && !answer->error) {
        set_up(e, true, NULL);
        take_read(e, answer);
        etcd_members_see(e, answer, e->view.asked_ms);
    } else {
        set_up(e, false, reason);
        e->view.on_read(e, false, 0, NULL);
    }
    e->view.on_members(e);
}

void etcd_view_read(struct store_etcd *e)
{
    struct buffer body = {0};
    struct etcdjson_txn txn;

    if (e->view.read || e->is_closing)
        return;
    uv_timer_stop(e->view.timer);
    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_then(&txn);
    etcdjson_txn_range(&txn, &(struct etcdjson_range){.key = str_of(e->table_key)});
    etcd_members_ask(e, &txn);
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    e->view.read_after = e->view.nr_lines;
    e->view.asked_ms = clock_ms();
    e->view.read = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_read, e);
    if (!e->view.read)
        read_later(e);
}

/* ---- Life ------------------------------------------------------------------------------------ */

int etcd_view_init(struct store_etcd *e)
{
    e->view.timer = calloc(1, sizeof(*e->view.timer));
    if (!e->view.timer)
        return -1;
    uv_timer_init(e->host.loop, e->view.timer);
    e->view.timer->data = e;
    return 0;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void etcd_view_fini(struct store_etcd *e)
{
    struct etcd_view *view = &e->view;

    etcd_cancel(&view->read);
    etcd_cancel(&view->watch);
    etcd_cancel(&view->load);
    if (view->timer)
        uv_close((uv_handle_t *)view->timer, free_timer);
    if (view->told)
        job_free(&view->told);
    pieces_fini(&view->news);
}
