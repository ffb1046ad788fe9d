/* The place of this member in the fleet: a number that says where its splits begin. It belongs to
 * the state.directory, by a token that is written there once:
 *
 *     PREFIX s/NUMBER   {"by": TOKEN, "id": ID}, without a lease
 *
 * so a member that was killed has it again, and one that has left leaves it to the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/etcd_share.h"
#include "store/fleetjson.h"
#include "store/reason.h"

enum { DIGITS = 6, NUMBER_MAX = 999999, KEY_MAX = 300, KEPT_MAX = 64 };

static const char KEPT[] = "fleet_slot"; /* "TOKEN NUMBER", the number once it is known */

/* ---- In state.directory ---------------------------------------------------------------------- */

static void keep(struct store_etcd *e)
{
    char text[KEPT_MAX];
    const struct store_edit edit = {.kind = STORE_SET, .name = KEPT, .text = text};
    int r;

    if (e->slot.number < 0)
        snprintf(text, sizeof(text), "%s", e->slot.token);
    else
        snprintf(text, sizeof(text), "%s %d", e->slot.token, e->slot.number);
    /* Where that fails the next start takes another slot, which is not wrong. */
    r = store_change(e->local, &edit, 1, NULL, NULL);
    (void)r;
}

int etcd_slot_open(struct store_etcd *e, struct store_reason *reason)
{
    struct etcd_slot *slot = &e->slot;
    char *text = NULL;

    slot->number = -1;
    if (store_value_now(e->local, KEPT, &text, reason) < 0)
        return -1;
    if (text && strlen(text) >= STORE_ETCD_TOKEN) {
        memcpy(slot->token, text, STORE_ETCD_TOKEN);
        if (text[STORE_ETCD_TOKEN] == ' ')
            slot->number = (int)strtol(text + STORE_ETCD_TOKEN, NULL, 10);
    }
    free(text);
    if (!slot->token[0]) {
        snprintf(slot->token, sizeof(slot->token), "%016llx",
                 (unsigned long long)prng_next(&e->rng));
        keep(e);
    }
    return 0;
}

/* ---- In etcd --------------------------------------------------------------------------------- */

static void slot_key(const struct store_etcd *e, int number, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%ss/%0*d", e->prefix, DIGITS, number);
}

/* -1: it is the key of no slot. */
static int number_of(struct str key)
{
    return key.n > DIGITS ? (int)strtol(key.p + key.n - DIGITS, NULL, 10) : -1;
}

static bool is_mine(const struct store_etcd *e, const char *value)
{
    char id[STORE_ETCD_MEMBER_ID], token[STORE_ETCD_TOKEN + 1];

    fleetjson_read_owner(value, id, token);
    return strcmp(token, e->slot.token) == 0;
}

static void take(struct store_etcd *e, int number, uint64_t revision, bool is_new)
{
    struct etcd_slot *slot = &e->slot;
    bool is_other = slot->number != number;

    slot->number = number;
    slot->revision = revision;
    slot->is_held = true;
    slot->is_new = is_new;
    if (is_other)
        keep(e);
    etcd_members_tell(e);
}

static void on_claimed(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                       const char *reason)
{
    struct store_etcd *e = context;

    (void)reason;
    e->slot.call = NULL;
    if (fate != ETCD_ANSWERED || answer->error)
        return; /* the next read goes on */
    if (answer->has_succeeded)
        take(e, e->slot.claimed, answer->revision, true);
    else
        etcd_slot_tend(e); /* another was faster */
}

static void claim(struct store_etcd *e, int number)
{
    struct buffer body = {0}, value = {0};
    struct etcdjson_txn txn;
    char key[KEY_MAX];

    e->slot.claimed = number;
    slot_key(e, number, key);
    fleetjson_write_owner(&value, e->member, e->slot.token);
    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_compare(&txn, str_of(key), 0);
    etcdjson_txn_then(&txn);
    etcdjson_txn_put(&txn, str_of(key), buffer_text(&value), 0);
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    body.is_out |= value.is_out;
    buffer_fini(&value);
    e->slot.call = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_claimed, e);
}

/* The one that is this member's already, else the lowest that is nobody's. Keys come in order. */
static void on_slots(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                     const char *reason)
{
    struct store_etcd *e = context;
    int lowest = 0;

    (void)reason;
    e->slot.call = NULL;
    if (fate != ETCD_ANSWERED || answer->error)
        return;
    for (int i = 0; i < answer->nr_kvs; i++) {
        const struct etcdjson_kv *kv = &answer->kvs[i];
        int number = number_of(kv->key);

        if (number == lowest)
            lowest++;
        if (number >= 0 && is_mine(e, kv->value.p)) {
            take(e, number, kv->mod_revision, false);
            return;
        }
    }
    if (lowest <= NUMBER_MAX)
        claim(e, lowest);
}

void etcd_slot_tend(struct store_etcd *e)
{
    struct etcd_slot *slot = &e->slot;
    struct buffer body = {0}, end = {0};
    char begin[KEY_MAX];

    if (slot->call || slot->is_held || slot->is_freed || e->is_closing)
        return;
    snprintf(begin, sizeof(begin), "%ss/", e->prefix);
    buffer_add(&end, str_of(begin));
    etcdjson_prefix_end(&end);
    etcdjson_ask_range(&body,
                       &(struct etcdjson_range){.key = str_of(begin), .end = buffer_text(&end)});
    body.is_out |= end.is_out;
    buffer_fini(&end);
    slot->call = etcd_ask(e->etcd, "/v3/kv/range", &body, false, on_slots, e);
}

/* ---- Leaving --------------------------------------------------------------------------------- */

static void on_freed(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                     const char *reason)
{
    struct store_etcd *e = context;

    (void)fate;
    (void)answer;
    (void)reason;
    e->slot.call = NULL;
    etcd_members_tell_left(e);
}

void etcd_slot_free(struct store_etcd *e)
{
    struct etcd_slot *slot = &e->slot;
    struct buffer body = {0};
    struct etcdjson_txn txn;
    char key[KEY_MAX];

    etcd_cancel(&slot->call);
    slot->is_freed = true;
    if (!slot->is_held || !e->view.is_up)
        return;
    slot->is_held = false;
    slot_key(e, slot->number, key);
    etcdjson_txn_begin(&txn, &body);
    etcdjson_txn_compare(&txn, str_of(key), slot->revision);
    etcdjson_txn_then(&txn);
    etcdjson_txn_delete(&txn, str_of(key), STR(""));
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_end(&txn);
    slot->call = etcd_ask(e->etcd, "/v3/kv/txn", &body, false, on_freed, e);
}
