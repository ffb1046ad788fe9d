/* What each slot's splits have come to, as its member publishes it:
 *
 *     PREFIX c/SLOT/NAME   a text of the member's
 *
 * Read some times a second: only what has changed since the last read, page by page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/etcd_share.h"

enum { DIGITS = 6, KEY_MAX = 300, READ_MS = 250, READ_MS_MAX = 1500, PAGE_KEYS = 1000 };

static void read_on(struct store_etcd *e);
static void on_time(uv_timer_t *timer);

/* etcd looks at all accounts for those that have changed: where that takes long it is asked less
 * often. */
static void read_later(struct store_etcd *e)
{
    uint64_t ms = 4 * (clock_ms() - e->accounts.asked_ms);

    ms = ms < READ_MS ? READ_MS : ms < READ_MS_MAX ? ms : READ_MS_MAX;
    free(e->accounts.next);
    e->accounts.next = NULL;
    uv_update_time(e->host.loop);
    uv_timer_start(e->accounts.timer, on_time, ms, 0);
}

static void on_time(uv_timer_t *timer)
{
    struct store_etcd *e = timer->data;

    if (e->host.wake_up)
        e->host.wake_up(e->host.context);
    read_on(e);
}

/* "PREFIX c/" */
static void first_key(const struct store_etcd *e, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%sc/", e->prefix);
}

static void tell(const struct store_etcd *e, const struct etcdjson_kv *kv)
{
    size_t before = strlen(e->prefix) + 2;

    if (kv->key.n > before + DIGITS && kv->key.p[before + DIGITS] == '/')
        e->accounts.told(e->accounts.context, (int)strtol(kv->key.p + before, NULL, 10),
                         kv->value.p);
}

/* The next page begins behind the last key. */
static bool turn_page(struct etcd_accounts *a, const struct etcdjson_answer *answer)
{
    const struct str last = answer->kvs[answer->nr_kvs - 1].key;

    free(a->next);
    a->next = malloc(last.n + 2);
    if (!a->next)
        return false;
    memcpy(a->next, last.p, last.n);
    a->next[last.n] = '\1'; /* no name has a character below it */
    a->next[last.n + 1] = '\0';
    return true;
}

static void on_read(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                    const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_accounts *a = &e->accounts;

    (void)reason;
    a->read = NULL;
    a->has_failed = fate != ETCD_ANSWERED || answer->error;
    if (a->has_failed) {
        read_later(e);
        return;
    }
    if (answer->revision < a->seen) { /* it is another etcd, or an older state of it */
        a->seen = 0;
        a->told(a->context, -1, NULL);
        read_later(e);
        return;
    }
    if (!a->next)
        a->reading = answer->revision;
    for (int i = 0; i < answer->nr_kvs; i++)
        tell(e, &answer->kvs[i]);
    if (answer->has_more && answer->nr_kvs > 0 && turn_page(a, answer)) {
        read_on(e);
        return;
    }
    a->seen = a->reading;
    a->nr_reads++;
    read_later(e);
}

static void read_on(struct store_etcd *e)
{
    struct etcd_accounts *a = &e->accounts;
    struct buffer body = {0}, end = {0};
    char first[KEY_MAX];

    if (a->read || e->is_closing)
        return;
    if (!a->next)
        a->asked_ms = clock_ms();
    first_key(e, first);
    buffer_add(&end, str_of(first));
    etcdjson_prefix_end(&end);
    etcdjson_ask_range(&body, &(struct etcdjson_range){.key = str_of(a->next ? a->next : first),
                                                       .end = buffer_text(&end),
                                                       .limit = PAGE_KEYS,
                                                       .changed = a->seen + (a->seen > 0)});
    body.is_out |= end.is_out;
    buffer_fini(&end);
    a->read = etcd_ask(e->etcd, "/v3/kv/range", &body, false, on_read, e);
    if (!a->read)
        read_later(e);
}

bool etcd_accounts_follow(struct store *store, store_etcd_account_told *told, void *context,
                          bool is_waiting)
{
    struct store_etcd *e = (struct store_etcd *)store;
    struct etcd_accounts *a = &e->accounts;
    uint64_t nr = a->nr_reads;

    a->told = told;
    a->context = context;
    a->has_failed = false;
    uv_timer_start(a->timer, on_time, READ_MS, 0);
    read_on(e);
    while (is_waiting && a->nr_reads == nr && !a->has_failed)
        uv_run(e->host.loop, UV_RUN_ONCE);
    return a->nr_reads > nr;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void on_put(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                   const char *reason)
{
    struct store_etcd *e = context;
    struct etcd_accounts *a = &e->accounts;
    store_etcd_account_put *told = a->put_told;

    (void)reason;
    a->put = NULL;
    a->put_told = NULL;
    /* The slot is another's, or etcd has lost it: this member goes on to have one. */
    if (fate == ETCD_ANSWERED && !answer->error && !answer->has_succeeded)
        e->slot.is_held = false;
    told(a->put_context, fate == ETCD_ANSWERED && !answer->error && answer->has_succeeded);
}

bool etcd_accounts_put(struct store *store, const struct store_etcd_account *accounts, int nr,
                       store_etcd_account_put *told, void *context)
{
    struct store_etcd *e = (struct store_etcd *)store;
    struct etcd_accounts *a = &e->accounts;
    struct buffer body = {0};
    struct etcdjson_txn txn;
    char key[KEY_MAX];

    if (a->put || !e->slot.is_held || !e->view.is_up || e->is_closing)
        return false;
    snprintf(key, sizeof(key), "%ss/%0*d", e->prefix, DIGITS, e->slot.number);
    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_compare(&txn, str_of(key), e->slot.revision); /* it is still this member's */
    etcdjson_txn_then(&txn);
    for (int i = 0; i < nr; i++) {
        snprintf(key, sizeof(key), "%sc/%0*d/%s", e->prefix, DIGITS, e->slot.number,
                 accounts[i].name);
        etcdjson_txn_put(&txn, str_of(key), str_of(accounts[i].text), 0);
    }
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    a->put_told = told;
    a->put_context = context;
    /* The same texts may be written twice: it only reads, as far as another endpoint is
     * concerned. */
    a->put = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_put, e);
    return a->put != NULL;
}

/* ---- Life ------------------------------------------------------------------------------------ */

int etcd_accounts_init(struct store_etcd *e)
{
    struct etcd_accounts *a = &e->accounts;

    a->timer = calloc(1, sizeof(*a->timer));
    if (!a->timer)
        return -1;
    uv_timer_init(e->host.loop, a->timer);
    a->timer->data = e;
    return 0;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void etcd_accounts_fini(struct store_etcd *e)
{
    struct etcd_accounts *a = &e->accounts;

    etcd_cancel(&a->read);
    etcd_cancel(&a->put);
    if (a->timer)
        uv_close((uv_handle_t *)a->timer, free_timer);
    free(a->next);
}
