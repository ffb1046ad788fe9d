/* Who belongs to the fleet, and who leads it. A member has a key that goes with its lease; the
 * leader has one more, which whoever finds none makes:
 *
 *     PREFIX m/TOKEN   {"id", "address", "generation", "slot"}
 *     PREFIX leader    {"id", "by": TOKEN}
 *
 * A leader counts itself one for a lease's time after it sent the last renewal that succeeded. etcd
 * counts from when that came, which is later: so no two count themselves leaders at once, however
 * long one is paused or cut off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/etcd_share.h"
#include "store/fleetjson.h"

enum { RENEWALS_A_LEASE = 3, NOT_FOUND = 5, KEY_MAX = 300, MS_A_SECOND = 1000 };

static void tend(struct store_etcd *e);

/* ---- Keys ------------------------------------------------------------------------------------ */

static void members_key(const struct store_etcd *e, const char *token, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%sm/%s", e->prefix, token);
}

static void leader_key(const struct store_etcd *e, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%sleader", e->prefix);
}

/* ---- The lease ------------------------------------------------------------------------------- */

static bool is_held(const struct etcd_members *m)
{
    return m->lease != 0 && clock_ms() < m->until_ms;
}

static void lose_lease(struct etcd_members *m)
{
    m->lease = 0;
    m->is_put = m->putting = 0;
    m->elected = 0;
}

static void on_renewed(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                       const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_members *m = &e->members;

    (void)reason;
    m->renewal = NULL;
    if (fate != ETCD_ANSWERED || (answer->error && answer->code != NOT_FOUND))
        return; /* the timer tries again */
    if (answer->error || answer->ttl <= 0) {
        bool was_there = m->lease != 0;

        lose_lease(m);
        if (was_there)
            tend(e);
        return;
    }
    m->lease = answer->lease;
    m->until_ms = m->sent_ms + m->lease_ms;
    tend(e);
}

/* Gets one, or renews it. */
static void renew(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;
    bool is_first = m->lease == 0;
    struct buffer body = {0};

    m->sent_ms = clock_ms();
    if (is_first)
        etcdjson_ask_grant(&body, (m->lease_ms + MS_A_SECOND - 1) / MS_A_SECOND);
    else
        etcdjson_ask_lease(&body, m->lease);
    m->renewal = etcd_ask(e->etcd, is_first ? "/v3/lease/grant" : "/v3/lease/keepalive", &body,
                          false, on_renewed, e);
}

/* ---- This member's key ----------------------------------------------------------------------- */

static void on_put(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                   const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_members *m = &e->members;

    (void)reason;
    m->put = NULL;
    if (fate != ETCD_ANSWERED)
        return; /* the next renewal goes on */
    if (answer->error && answer->code == NOT_FOUND)
        lose_lease(m); /* likewise */
    if (answer->error)
        return;
    m->is_put = m->putting;
    m->putting = 0;
    tend(e);
}

static void put(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;
    struct store_etcd_member self = {.generation = e->store.generation, .slot = e->slot.number};
    struct buffer body = {0}, value = {0};
    struct etcdjson_txn txn;
    char key[KEY_MAX];

    m->putting = self.generation;
    m->put_slot = self.slot;
    snprintf(self.id, sizeof(self.id), "%s", e->member);
    snprintf(self.address, sizeof(self.address), "%s", m->address);
    members_key(e, e->slot.token, key);
    fleetjson_write_member(&value, &self);
    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_then(&txn);
    etcdjson_txn_put(&txn, str_of(key), buffer_text(&value), m->lease);
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    body.is_out |= value.is_out;
    buffer_fini(&value);
    m->put = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_put, e);
}

/* ---- The election ---------------------------------------------------------------------------- */

static void on_elected(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                       const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_members *m = &e->members;

    (void)reason;
    m->election = NULL;
    if (fate != ETCD_ANSWERED)
        return; /* the next read says what came of it */
    if (answer->error && answer->code == NOT_FOUND)
        lose_lease(m);
    if (answer->error || !answer->has_succeeded)
        return;
    m->elected = answer->revision;
    m->has_leader = true;
    m->is_own = true;
    snprintf(m->leader, sizeof(m->leader), "%s", e->member);
    log_info("this member of the fleet leads from now on");
}

static void stand(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;
    struct buffer body = {0}, value = {0};
    struct etcdjson_txn txn;
    char key[KEY_MAX];

    leader_key(e, key);
    fleetjson_write_owner(&value, e->member, e->slot.token);
    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_compare_made(&txn, str_of(key), 0);
    etcdjson_txn_then(&txn);
    etcdjson_txn_put(&txn, str_of(key), buffer_text(&value), m->lease);
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    body.is_out |= value.is_out;
    buffer_fini(&value);
    m->election = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_elected, e);
}

bool etcd_members_leads(const struct store_etcd *e)
{
    return e->members.elected != 0 && is_held(&e->members);
}

void etcd_members_compare(const struct store_etcd *e, struct etcdjson_txn *txn)
{
    char key[KEY_MAX];

    leader_key(e, key);
    etcdjson_txn_compare_made(txn, str_of(key), e->members.elected);
}

/* ---- What is to be done next ----------------------------------------------------------------- */

static void tend(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;

    if (e->is_closing || m->has_left || !m->has_joined)
        return;
    if (m->lease == 0) {
        if (!m->renewal)
            renew(e);
        return;
    }
    if (!m->put && (m->is_put != e->store.generation || m->put_slot != e->slot.number))
        put(e);
    if (!m->election && m->seen_ms > 0 && !m->has_leader && m->is_put && is_held(m))
        stand(e);
}

void etcd_members_tell(struct store_etcd *e)
{
    tend(e);
}

static void on_time(uv_timer_t *timer)
{
    struct store_etcd *e = timer->data;
    struct etcd_members *m = &e->members;

    if (e->host.wake_up)
        e->host.wake_up(e->host.context);
    if (m->has_left || e->is_closing) {
        uv_timer_stop(timer);
        return;
    }
    if (!m->renewal)
        renew(e);
}

/* ---- All of them ----------------------------------------------------------------------------- */

void etcd_members_ask(struct store_etcd *e, struct etcdjson_txn *txn)
{
    char begin[KEY_MAX], leader[KEY_MAX];
    struct buffer end = {0};

    members_key(e, "", begin);
    leader_key(e, leader);
    buffer_add(&end, str_of(begin));
    etcdjson_prefix_end(&end);
    etcdjson_txn_range(txn,
                       &(struct etcdjson_range){.key = str_of(begin), .end = buffer_text(&end)});
    etcdjson_txn_range(txn, &(struct etcdjson_range){.key = str_of(leader)});
    txn->b->is_out |= end.is_out;
    buffer_fini(&end);
}

static bool begins_with(struct str s, struct str begin)
{
    return s.n >= begin.n && memcmp(s.p, begin.p, begin.n) == 0;
}

static void add_member(struct etcd_members *m, const struct etcdjson_kv *kv, size_t token_at)
{
    struct store_etcd_member *to = &m->list[m->nr++];

    fleetjson_read_member(to, kv->value.p);
    snprintf(to->token, sizeof(to->token), "%.16s", kv->key.p + token_at);
    to->revision = kv->mod_revision;
}

static int compare_ids(const void *a, const void *b)
{
    const struct store_etcd_member *x = a, *y = b;
    int r = strcmp(x->id, y->id);

    return r != 0 ? r : strcmp(x->token, y->token);
}

static void take_leader(struct store_etcd *e, const struct etcdjson_kv *kv)
{
    struct etcd_members *m = &e->members;
    char token[STORE_ETCD_TOKEN + 1];

    m->has_leader = true;
    fleetjson_read_owner(kv->value.p, m->leader, token);
    m->is_own = strcmp(token, e->slot.token) == 0;
    m->elected = m->lease != 0 && kv->lease == m->lease ? kv->create_revision : 0;
}

void etcd_members_see(struct store_etcd *e, const struct etcdjson_answer *answer, uint64_t asked_ms)
{
    struct etcd_members *m = &e->members;
    struct store_etcd_member *list;
    char begin[KEY_MAX], leader[KEY_MAX];

    /* An answer from before the election is over by now; the next one tells. */
    if (m->elected > 0 && answer->revision < m->elected && m->lease != 0 && is_held(m))
        return;
    list = calloc((size_t)answer->nr_kvs + 1, sizeof(list[0]));
    if (!list)
        return;
    members_key(e, "", begin);
    leader_key(e, leader);
    free(m->list);
    m->list = list;
    m->nr = 0;
    m->has_leader = false;
    for (int i = 0; i < answer->nr_kvs; i++) {
        const struct etcdjson_kv *kv = &answer->kvs[i];

        if (begins_with(kv->key, str_of(begin)))
            add_member(m, kv, strlen(begin));
        else if (str_eq(kv->key, str_of(leader)))
            take_leader(e, kv);
    }
    if (!m->has_leader) {
        m->is_own = false;
        m->leader[0] = '\0';
        m->elected = 0;
    }
    m->seen_ms = asked_ms;
    m->seen_revision = answer->revision;
    qsort(m->list, (size_t)m->nr, sizeof(m->list[0]), compare_ids);
    tend(e);
}

const char *etcd_members_leader(const struct store_etcd *e)
{
    const struct etcd_members *m = &e->members;

    /* A read may be younger than the renewal from which its own time counts. */
    if (m->is_own && !etcd_members_leads(e))
        return "";
    return m->seen_ms > 0 && clock_ms() < m->seen_ms + m->lease_ms ? m->leader : "";
}

/* ---- Coming and going ------------------------------------------------------------------------ */

void etcd_members_join(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;

    m->has_joined = true;
    uv_update_time(e->host.loop);
    uv_timer_start(m->timer, on_time, m->lease_ms / RENEWALS_A_LEASE,
                   m->lease_ms / RENEWALS_A_LEASE);
    tend(e);
}

void etcd_members_tell_left(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;
    void (*left)(void *context) = m->left;

    if (!left || m->renewal || e->slot.call)
        return;
    m->left = NULL;
    left(m->left_context);
}

static void on_revoked(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                       const char *reason)
{
    struct store_etcd *e = context;

    (void)fate; /* it ends by itself */
    (void)answer;
    (void)reason;
    e->members.renewal = NULL;
    etcd_members_tell_left(e);
}

void etcd_members_leave(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;
    struct buffer body = {0};

    if (m->has_left)
        return;
    m->has_left = true;
    etcd_cancel(&m->renewal);
    etcd_cancel(&m->put);
    etcd_cancel(&m->election);
    if (m->lease != 0 && e->view.is_up) {
        etcdjson_ask_lease(&body, m->lease);
        m->renewal = etcd_ask(e->etcd, "/v3/lease/revoke", &body, false, on_revoked, e);
    }
    lose_lease(m);
}

static void on_left(uv_timer_t *timer)
{
    struct store_etcd *e = timer->data;

    if (e->host.wake_up)
        e->host.wake_up(e->host.context);
    etcd_members_tell_left(e);
}

void etcd_members_end(struct store_etcd *e, void (*left)(void *context), void *context)
{
    struct etcd_members *m = &e->members;

    etcd_members_leave(e);
    m->left = left;
    m->left_context = context;
    uv_update_time(e->host.loop);
    uv_timer_start(m->timer, on_left, 0, 0);
}

int etcd_members_init(struct store_etcd *e, const struct store_etcd_options *options)
{
    struct etcd_members *m = &e->members;

    m->lease_ms = options->lease_ms;
    m->put_slot = -1;
    m->address = strdup(options->address);
    m->timer = calloc(1, sizeof(*m->timer));
    if (!m->timer || !m->address)
        return -1;
    uv_timer_init(e->host.loop, m->timer);
    m->timer->data = e;
    return 0;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void etcd_members_fini(struct store_etcd *e)
{
    struct etcd_members *m = &e->members;

    etcd_cancel(&m->renewal);
    etcd_cancel(&m->put);
    etcd_cancel(&m->election);
    etcd_cancel(&e->slot.call);
    if (m->timer && m->timer->data)
        uv_close((uv_handle_t *)m->timer, free_timer);
    else
        free(m->timer);
    free(m->list);
    free(m->address);
}
