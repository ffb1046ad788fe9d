/* One change on its way:
 *
 *     begin --> stage (pieces, where one transaction has no room for all) --> switch
 *         --> done:     the rows are in force, and go to the copy
 *         --> lost:     another was faster; told once that one's news were
 *         --> unknown:  no answer; a read of the switching key may say whose it is
 *
 * The switching key names the change that made it, so nobody need have the answer to know. */
#include "store/etcd_share.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/reason.h"

enum {
    DEADLINE_MS = 3300, /* an answer within four seconds, whatever etcd does */
    OPS_A_STAGE = 100,
    BYTES_A_STAGE = 1024 * 1024,
    PIECE_BYTES_MAX = 1400 * 1024
};

static const char NOT_LEADER[] = "this member does not lead the fleet";

static void step(struct store_etcd *e);

/* ---- Telling --------------------------------------------------------------------------------- */

/* The job, to be told; all else is forgotten. */
static struct job *end(struct store_etcd *e)
{
    struct etcd_write *w = &e->write;
    struct job *job = w->job;

    uv_timer_stop(w->timer);
    etcd_cancel(&w->call);
    pieces_fini(&w->next);
    w->job = NULL;
    e->replaces = false;
    e->is_led = false;
    w->is_waiting = w->is_lost = w->was_whole = w->is_led = false;
    w->why[0] = '\0';
    return job;
}

static void fail(struct store_etcd *e, enum store_outcome outcome, const char *reason)
{
    struct job *job = end(e);

    job_fail(job, outcome, "%s", reason);
    job_tell(&job);
}

/* Nothing has changed. */
static void refuse(struct store_etcd *e, const char *why)
{
    char reason[800];

    snprintf(reason, sizeof(reason), "%s: nothing has changed", why);
    fail(e, STORE_FAILED, reason);
}

static void tell_unknown(struct store_etcd *e, const char *why)
{
    char reason[800];

    snprintf(reason, sizeof(reason), "%s: it is not known whether the change was made", why);
    fail(e, STORE_UNKNOWN, reason);
}

/* Why no change can be made now; NULL: it can. */
static const char *obstacle(const struct store_etcd *e)
{
    const struct etcd_view *view = &e->view;
    if (!view->is_up || e->is_closing)
        return view->reason[0] ? view->reason : "etcd does not answer";
    if (e->store.is_lost && !e->replaces)
        return view->lost;
    return e->write.is_led && !etcd_members_leads(e) ? NOT_LEADER : NULL;
}

static bool has_news(const struct store_etcd *e)
{
    const struct etcd_view *view = &e->view;

    return view->is_following || view->seen != e->store.generation ||
           (view->seen > 0 && !e->force.change[0]);
}

static void on_news(struct store_etcd *e, bool are_told)
{
    const char *why = obstacle(e);

    if (!e->write.job || !e->write.is_waiting)
        return;
    if (are_told)
        fail(e, STORE_CONFLICT, "another member was faster");
    else if (why)
        refuse(e, why);
}

static void on_time(uv_timer_t *timer)
{
    struct store_etcd *e = timer->data;
    struct etcd_write *w = &e->write;
    const char *why = obstacle(e);

    if (e->host.wake_up)
        e->host.wake_up(e->host.context);
    if (!w->job)
        return;
    if (w->call || w->is_lost)
        tell_unknown(e, "etcd does not answer");
    else if (e->view.is_following)
        on_news(e, true);
    else if (w->why[0])
        refuse(e, w->why);
    else
        refuse(e, why ? why : "etcd does not answer");
}

static void tell_within(struct store_etcd *e, uint64_t ms)
{
    uv_update_time(e->host.loop);
    uv_timer_start(e->write.timer, on_time, ms, 0);
}

/* ---- It is done ------------------------------------------------------------------------------ */

static void on_copied(void *context, enum store_outcome outcome, const char *reason)
{
    struct job *job = context;

    (void)outcome; /* the log has it; etcd has the change */
    (void)reason;
    job_tell(&job);
}

static void on_cleaned(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                       const char *reason)
{
    (void)context; /* what stays is in nobody's way */
    (void)fate;
    (void)answer;
    (void)reason;
}

/* The pieces before, which nobody names any more: from this one on, as many as there is room for.
 * The first that found none. */
static int add_deletes(struct store_etcd *e, struct etcdjson_txn *txn, int from)
{
    const struct etcd_write *w = &e->write;
    struct buffer key = {0};

    for (; from < PIECES_NR && txn->nr_ops < ETCDJSON_OPS_MAX; from++) {
        if (!w->are_touched[from] || !e->force.ids[from][0])
            continue;
        pieces_key(&key, e->prefix, from, e->force.ids[from]);
        etcdjson_txn_delete(txn, buffer_text(&key), STR(""));
        txn->b->is_out |= key.is_out;
        buffer_fini(&key);
    }
    return from;
}

static int nr_deletes(const struct store_etcd *e)
{
    int nr = 0;

    for (int i = 0; i < PIECES_NR; i++)
        nr += e->write.are_touched[i] && e->force.ids[i][0];
    return nr;
}

static void clean_up(struct store_etcd *e)
{
    struct buffer body;
    struct etcdjson_txn txn;
    int from = 0;

    while (from < PIECES_NR) {
        body = (struct buffer){0};
        etcdjson_txn_begin(&txn, &body);
        etcdjson_txn_then(&txn);
        from = add_deletes(e, &txn, from);
        etcdjson_txn_otherwise(&txn);
        etcdjson_txn_end(&txn);
        if (txn.nr_ops > 0)
            (void)etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_cleaned, e);
        buffer_fini(&body);
    }
}

static void done(struct store_etcd *e, uint64_t revision)
{
    struct etcd_write *w = &e->write;
    struct job *job = w->job;

    if (!w->has_deletes)
        clean_up(e);
    for (int i = 0; i < PIECES_NR; i++) {
        if (!w->are_touched[i])
            continue;
        free(e->force.texts[i]);
        e->force.texts[i] = w->next.texts[i];
        w->next.texts[i] = NULL;
    }
    memcpy(e->force.ids, w->next.ids, sizeof(e->force.ids));
    memcpy(e->force.change, w->next.change, sizeof(e->force.change));
    memcpy(e->force.by, w->next.by, sizeof(e->force.by));
    e->store.generation = revision;
    etcd_cancel(&e->view.load);
    e->view.seen = revision;
    e->view.rejected = 0;
    e->view.is_known = false;
    e->store.is_lost = false;
    (void)end(e);
    etcd_members_tell(e);
    etcd_copy_write(e, job->edits, job->nr_edits, on_copied, job);
}

/* ---- Etcd's answers -------------------------------------------------------------------------- */

static bool is_mine(const struct store_etcd *e, const char *value)
{
    char begin[PIECES_ID + 20];
    int n = snprintf(begin, sizeof(begin), "{\"change\":\"%s\"", e->write.next.change);

    return value && strncmp(value, begin, (size_t)n) == 0;
}

/* Another was faster: its news come first. */
static void lose(struct store_etcd *e)
{
    e->write.is_lost = false;
    e->write.is_waiting = true;
    if (e->view.is_following)
        on_news(e, true);
}

static void on_read(struct store_etcd *e, bool is_answered, uint64_t revision, const char *value)
{
    struct etcd_write *w = &e->write;

    if (!w->job || !w->next.change[0])
        return;
    if (is_answered && is_mine(e, value)) {
        done(e, revision);
        return;
    }
    if (!w->is_lost)
        return;
    if (is_answered && revision != w->expected)
        lose(e);
    else
        tell_unknown(e, is_answered ? "etcd did not answer in time" : e->view.reason);
}

static void on_switched(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                        const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_write *w = &e->write;
    const struct etcdjson_kv *kv = answer && answer->nr_kvs > 0 ? &answer->kvs[0] : NULL;

    w->call = NULL;
    if (fate == ETCD_UNKNOWN) {
        w->is_lost = true;
        etcd_cancel(&e->view.read); /* it may have begun before */
        etcd_view_read(e);
    } else if (fate == ETCD_NOT_SENT || answer->error) {
        refuse(e, reason);
    } else if (answer->has_succeeded) {
        done(e, answer->revision);
    } else if (kv && is_mine(e, kv->value.p)) {
        done(e, kv->mod_revision); /* the request had been sent twice */
    } else if (w->is_led && kv && kv->mod_revision == w->expected) {
        refuse(e, NOT_LEADER);
    } else {
        lose(e);
        etcd_view_read(e);
    }
}

static void on_staged(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                      const char *reason)
{
    struct store_etcd *e = context;

    e->write.call = NULL;
    if (fate != ETCD_ANSWERED || answer->error)
        refuse(e, reason);
    else
        step(e);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void put_piece(struct store_etcd *e, struct etcdjson_txn *txn, int piece)
{
    const struct pieces *next = &e->write.next;
    struct buffer key = {0};

    pieces_key(&key, e->prefix, piece, next->ids[piece]);
    etcdjson_txn_put(txn, buffer_text(&key), str_of(next->texts[piece]), 0);
    txn->b->is_out |= key.is_out;
    buffer_fini(&key);
}

static bool has_room(const struct etcdjson_txn *txn, size_t bytes)
{
    return txn->nr_ops == 0 || (txn->nr_ops < OPS_A_STAGE && txn->nr_bytes + bytes < BYTES_A_STAGE);
}

/* From next_piece on, as many as there is room for. True: all of them. */
static bool put_pieces(struct store_etcd *e, struct etcdjson_txn *txn)
{
    struct etcd_write *w = &e->write;

    for (; w->next_piece < PIECES_NR; w->next_piece++) {
        const char *text = w->next.texts[w->next_piece];

        if (!w->are_touched[w->next_piece] || !text)
            continue;
        if (!has_room(txn, strlen(text)))
            return false;
        put_piece(e, txn, w->next_piece);
    }
    return true;
}

static void ask(struct store_etcd *e, struct buffer *body, bool is_switch)
{
    struct etcd_write *w = &e->write;

    tell_within(e, DEADLINE_MS);
    w->call =
        etcd_ask(e->etcd, "/v3/kv/txn", body, is_switch, is_switch ? on_switched : on_staged, e);
    if (!w->call)
        tell_within(e, 0);
}

/* In one transaction with the pieces where they find room in it, and the end of those before. */
static void step(struct store_etcd *e)
{
    struct etcd_write *w = &e->write;
    struct buffer body = {0}, value = {0};
    struct etcdjson_txn txn;
    int begun_at = w->next_piece;

    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_compare(&txn, str_of(e->table_key), w->expected);
    if (w->is_led)
        etcd_members_compare(e, &txn);
    etcdjson_txn_then(&txn);
    if (!put_pieces(e, &txn)) {
        int ended_at = w->next_piece;

        buffer_fini(&body);
        w->next_piece = begun_at;
        etcdjson_txn_begin(&txn, &body);
        etcdjson_txn_then(&txn);
        (void)put_pieces(e, &txn);
        assert(w->next_piece == ended_at);
        etcdjson_txn_otherwise(&txn);
        etcdjson_txn_end(&txn);
        ask(e, &body, false);
        return;
    }
    pieces_write(&value, &w->next);
    body.is_out |= value.is_out;
    etcdjson_txn_put(&txn, str_of(e->table_key), buffer_text(&value), 0);
    buffer_fini(&value);
    w->has_deletes = txn.nr_ops + nr_deletes(e) <= ETCDJSON_OPS_MAX;
    if (w->has_deletes)
        (void)add_deletes(e, &txn, 0);
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_range(&txn, &(struct etcdjson_range){.key = str_of(e->table_key)});
    etcdjson_txn_end(&txn);
    ask(e, &body, true);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* All that etcd has is replaced: pieces that stay are written, too. */
/* 0, or -1 when out of memory. */
static int take_whole(struct store_etcd *e)
{
    struct etcd_write *w = &e->write;

    for (int i = 0; i < PIECES_NR; i++) {
        if (w->are_touched[i])
            continue;
        w->are_touched[i] = true;
        w->next.texts[i] = e->force.texts[i] ? strdup(e->force.texts[i]) : NULL;
        if (e->force.texts[i] && !w->next.texts[i])
            return -1;
    }
    return 0;
}

/* The shared ones of a job's edits; NULL when out of memory. */
static struct store_edit *pick_shared(const struct store_etcd *e, const struct job *job, int *nr)
{
    struct store_edit *list = calloc((size_t)job->nr_edits + 1, sizeof(list[0]));

    *nr = 0;
    for (int i = 0; list && i < job->nr_edits; i++) {
        const char *revision = job->edits[i].row.revision;

        if (job->edits[i].kind == STORE_SET || !e->is_shared(job->edits[i].row.kind))
            continue;
        list[*nr] = job->edits[i];
        if (!revision || !revision[0]) /* of one that nobody asks for its RevisionId */
            list[*nr].row.revision = e->write.next.change;
        (*nr)++;
    }
    return list;
}

/* What etcd is to have. 0, or -1 with a reason. */
static int prepare(struct store_etcd *e, struct store_reason *reason)
{
    struct etcd_write *w = &e->write;
    struct store_edit *shared;
    int nr = 0, r = -1;

    reason_say(reason, "out of memory");
    memcpy(w->next.ids, e->force.ids, sizeof(w->next.ids));
    snprintf(w->next.change, sizeof(w->next.change), "%016llx",
             (unsigned long long)prng_next(&e->rng));
    snprintf(w->next.by, sizeof(w->next.by), "%.200s", e->member);
    shared = pick_shared(e, w->job, &nr);
    if (shared)
        r = pieces_edit(&w->next, w->are_touched, &e->force, shared, nr, reason);
    free(shared);
    if (r == 0 && w->was_whole)
        r = take_whole(e);
    for (int i = 0; i < PIECES_NR && r == 0; i++) {
        if (!w->are_touched[i])
            continue;
        memset(w->next.ids[i], 0, sizeof(w->next.ids[i]));
        if (w->next.texts[i])
            memcpy(w->next.ids[i], w->next.change, sizeof(w->next.ids[i]));
        if (w->next.texts[i] && strlen(w->next.texts[i]) > PIECE_BYTES_MAX)
            r = reason_say(reason,
                           "the table is too large for etcd: a 256th of it has more than "
                           "%d KiB",
                           PIECE_BYTES_MAX / 1024);
    }
    return r;
}

void etcd_write_begin(struct store_etcd *e, struct job **job)
{
    struct etcd_write *w = &e->write;
    struct store_reason reason;

    assert(!w->job);
    w->job = *job;
    *job = NULL;
    w->next_piece = 0;
    w->was_whole = e->replaces && e->store.is_lost;
    w->is_led = e->is_led;
    w->expected = e->view.seen;
    if (obstacle(e)) {
        tell_within(e, 0);
        return;
    }
    if (has_news(e) && !w->was_whole) {
        w->is_waiting = true;
        tell_within(e, e->view.is_following ? 0 : DEADLINE_MS);
        etcd_view_go_on(e);
        return;
    }
    if (prepare(e, &reason) < 0) {
        snprintf(w->why, sizeof(w->why), "%.250s", reason.text);
        tell_within(e, 0);
        return;
    }
    step(e);
}

/* ---- Life ------------------------------------------------------------------------------------ */

int etcd_write_init(struct store_etcd *e)
{
    e->write.timer = calloc(1, sizeof(*e->write.timer));
    if (!e->write.timer)
        return -1;
    uv_timer_init(e->host.loop, e->write.timer);
    e->write.timer->data = e;
    e->view.on_read = on_read;
    e->view.on_news = on_news;
    return 0;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

/* What is on its way is told: nobody knows what becomes of it. */
void etcd_write_fini(struct store_etcd *e)
{
    struct etcd_write *w = &e->write;

    if (w->job && w->call)
        tell_unknown(e, "weir ends");
    else if (w->job)
        refuse(e, "weir ends");
    if (w->timer)
        uv_close((uv_handle_t *)w->timer, free_timer);
    pieces_fini(&w->next);
}
