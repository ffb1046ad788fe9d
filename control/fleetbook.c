/* Accounts are kept as JSON, as they travel. Each is a state that its member's line was in at one
 * moment, so the sums are within the bound whatever moments they are of. */
#include "control/fleetbook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "router/fleetsplit.h"
#include "router/logbook.h"
#include "router/segment.h"
#include "router/split_account.h"

enum {
    LOOKS = 20000,      /* targets in one turn; */
    LOOKS_DRAWN = 1000, /* of those that were drawn from */
    /* etcd keeps all that was ever written until it is compacted: where so many accounts change at
     * a time they are published once a second. */
    BUSY = 10,
    BUSY_RESTS = 3,
    SLOT_TEXT = 12
};

int fleetbook_init(struct fleetbook *book, struct store *store)
{
    *book = (struct fleetbook){.aliases = json_object(),
                               .pending = json_object(),
                               .sent = json_object(),
                               .store = store,
                               .slot = -1};
    return book->aliases && book->pending && book->sent ? 0 : -1;
}

void fleetbook_fini(struct fleetbook *book)
{
    json_decref(book->aliases);
    json_decref(book->pending);
    json_decref(book->sent);
    *book = (struct fleetbook){.aliases = NULL};
}

static json_t *member(json_t *object, struct str key)
{
    return json_object_getn(object, key.p, key.n);
}

/* The object of this key, made if there is none; NULL when out of memory. */
static json_t *object_of(json_t *object, struct str key)
{
    json_t *one = member(object, key);

    if (!one && json_object_setn_new(object, key.p, key.n, json_object()) == 0)
        one = member(object, key);
    return one;
}

static const char *slot_text(int slot, char text[SLOT_TEXT])
{
    snprintf(text, SLOT_TEXT, "%d", slot);
    return text;
}

/* ---- Seeing ---------------------------------------------------------------------------------- */

static bool is_account(json_t *account)
{
    json_t *versions = json_object_get(account, "versions"), *one;
    size_t i;

    if (!json_is_string(json_object_get(account, "function")) ||
        !json_is_string(json_object_get(account, "alias")) || !json_is_array(versions) ||
        json_array_size(versions) > SPLIT_ARMS_MAX)
        return false;
    json_array_foreach(versions, i,
                       one) if (!json_is_string(json_object_get(one, "version"))) return false;
    return true;
}

/* Takes a reference. */
static void keep(struct fleetbook *book, int slot, json_t *account)
{
    const char *function = json_string_value(json_object_get(account, "function"));
    const char *alias = json_string_value(json_object_get(account, "alias"));
    json_t *aliases = object_of(book->aliases, str_of(function));
    json_t *slots = aliases ? object_of(aliases, str_of(alias)) : NULL;
    char text[SLOT_TEXT];

    if (!slots)
        return;
    if (json_array_size(json_object_get(account, "versions")) > 0)
        (void)!json_object_set(slots, slot_text(slot, text), account);
    else
        (void)!json_object_del(slots, slot_text(slot, text));
}

void fleetbook_see(void *context, int slot, const char *text)
{
    struct fleetbook *book = context;
    json_t *account;

    if (!text) { /* it comes again, from those who have it */
        json_object_clear(book->aliases);
        return;
    }
    account = json_loads(text, 0, NULL);
    if (account && is_account(account) && slot != book->slot)
        keep(book, slot, account);
    json_decref(account);
}

/* ---- Taking over ----------------------------------------------------------------------------- */

static int64_t number(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* An account as an entry of the logbook. */
struct taking {
    struct logbook_entry entry;
    int64_t errors[SPLIT_ARMS_MAX];
    uint64_t versions[SPLIT_ARMS_MAX], counts[SPLIT_ARMS_MAX];
    uint32_t weights[SPLIT_ARMS_MAX];
};

/* False: its weights are none. */
static bool read_versions(json_t *account, struct taking *to)
{
    json_t *versions = json_object_get(account, "versions"), *one;
    uint64_t total = 0;
    int nr_weighty = 0;
    bool is_owed = false;
    size_t i;

    json_array_foreach(versions, i, one)
    {
        int64_t weight = number(one, "weight");

        to->errors[i] = number(one, "error");
        to->counts[i] = (uint64_t)number(one, "picks");
        to->versions[i] =
            logbook_version(str_of(json_string_value(json_object_get(one, "version"))));
        if (weight < 0 || weight > SPLIT_ONE || llabs(to->errors[i]) > 1000 * (int64_t)SPLIT_ONE)
            return false;
        to->weights[i] = (uint32_t)weight;
        total += (uint64_t)weight;
        nr_weighty += weight > 0;
        is_owed |= to->errors[i] != 0;
    }
    to->entry.nr_arms = (uint8_t)json_array_size(versions);
    to->entry.flags = (uint8_t)(SEGMENT_SPREAD | (nr_weighty > 1 ? SEGMENT_COUNTED : 0) |
                                (is_owed ? SEGMENT_DISTURBED : 0));
    return total == SPLIT_ONE;
}

static void take_account(json_t *account, int slot, struct logbook *logbook)
{
    struct taking *to = calloc(1, sizeof(*to));
    struct segment *segment = NULL;

    if (to && read_versions(account, to)) {
        const struct logbook_arrays arrays = {to->errors, to->versions, to->counts, to->weights};

        to->entry.place = fleetsplit_place((uint32_t)slot);
        to->entry.serial = logbook_first_serial(logbook);
        to->entry.key = logbook_key(str_of(json_string_value(json_object_get(account, "function"))),
                                    str_of(json_string_value(json_object_get(account, "alias"))));
        segment = segment_make(to->weights, to->entry.nr_arms, to->errors, to->entry.place,
                               SEGMENT_FIRST_TICKETS, to->entry.flags);
        to->entry.nr_tickets = segment ? segment->nr_tickets : 0;
        /* Without room or memory the alias begins anew. */
        if (segment)
            (void)!logbook_import(logbook, &to->entry, &arrays);
    }
    free(segment);
    free(to);
}

void fleetbook_take_over(const struct fleetbook *book, int slot, struct logbook *logbook)
{
    const char *function, *alias;
    json_t *aliases, *slots;
    char text[SLOT_TEXT];

    json_object_foreach(book->aliases, function, aliases) json_object_foreach(aliases, alias, slots)
    {
        json_t *account = json_object_get(slots, slot_text(slot, text));

        if (account)
            take_account(account, slot, logbook);
    }
}

/* ---- Publishing ------------------------------------------------------------------------------ */

static struct str version_name(const struct target *target, int i)
{
    return i < target->nr_arms ? target->arms[i].version->name
                               : target->past[i - target->nr_arms]->name;
}

static json_t *account_of(const struct target *target, const struct split_account *state)
{
    json_t *versions = json_array();

    for (int i = 0; versions && i < state->nr_arms; i++) {
        struct str name = version_name(target, i);

        if (json_array_append_new(
                versions,
                json_pack("{s:s%, s:I, s:I, s:I, s:I, s:I}", "version", name.p, name.n, "weight",
                          (json_int_t)state->weights[i], "picks", (json_int_t)state->counts[i],
                          "error", (json_int_t)state->errors[i], "low", (json_int_t)state->low[i],
                          "high", (json_int_t)state->high[i])) < 0) {
            json_decref(versions);
            return NULL;
        }
    }
    return json_pack("{s:s%, s:s%, s:o}", "function", target->function->name.p,
                     target->function->name.n, "alias", target->alias.p, target->alias.n,
                     "versions", versions);
}

/* Does the account say the same? Bounds follow from the rest. */
static bool is_same(json_t *account, const struct split_account *state)
{
    json_t *versions = json_object_get(account, "versions"), *one;
    size_t i;

    if (json_array_size(versions) != (size_t)state->nr_arms)
        return false;
    json_array_foreach(versions, i,
                       one) if (number(one, "picks") != (int64_t)state->counts[i] ||
                                number(one, "error") != state->errors[i] ||
                                number(one, "weight") != state->weights[i]) return false;
    return true;
}

/* Was it drawn from? */
static bool look_at(struct fleetbook *book, const struct target *target, int slot)
{
    struct split_account state;
    struct logbook_key key;
    json_t *account;
    char text[SLOT_TEXT], name[STORE_ETCD_ACCOUNT_NAME];

    if (target->alias.n == 0 || !split_account(target->split, &state))
        return false;
    account = json_object_get(member(member(book->aliases, target->function->name), target->alias),
                              slot_text(slot, text));
    if (account && is_same(account, &state))
        return true;
    account = account_of(target, &state);
    if (!account)
        return true;
    key = logbook_key(target->function->name, target->alias);
    snprintf(name, sizeof(name), "%016llx%016llx", (unsigned long long)key.halves[0],
             (unsigned long long)key.halves[1]);
    keep(book, slot, account);
    (void)!json_object_set_new(book->pending, name, account);
    return true;
}

static void told_end(struct fleetbook *book)
{
    void (*published)(void *context) = book->published;

    book->published = NULL;
    if (published)
        published(book->published_context);
}

static void publish(struct fleetbook *book);

static void on_put(void *context, bool is_done)
{
    struct fleetbook *book = context;

    if (is_done) {
        json_object_clear(book->sent);
        publish(book);
        if (json_object_size(book->sent) == 0)
            told_end(book);
        return;
    }
    /* What was found since is newer. */
    (void)!json_object_update_missing(book->pending, book->sent);
    json_object_clear(book->sent);
    told_end(book);
}

/* Puts as many as fit on their way, if none are. */
static void publish(struct fleetbook *book)
{
    struct store_etcd_account list[STORE_ETCD_ACCOUNTS_MAX];
    const char *name;
    json_t *account;
    void *next;
    int nr = 0;

    if (json_object_size(book->sent) > 0)
        return;
    json_object_foreach_safe(book->pending, next, name, account)
    {
        char *text = nr < STORE_ETCD_ACCOUNTS_MAX ? json_dumps(account, JSON_COMPACT) : NULL;

        if (!text)
            break;
        if (json_object_set(book->sent, name, account) < 0) {
            free(text);
            break;
        }
        list[nr++] = (struct store_etcd_account){
            json_object_iter_key(json_object_iter_at(book->sent, name)), text};
        (void)!json_object_del(book->pending, name);
    }
    if (nr > BUSY)
        book->nr_rests = BUSY_RESTS;
    if (nr > 0 && !etcd_accounts_put(book->store, list, nr, on_put, book)) {
        (void)!json_object_update_missing(book->pending, book->sent);
        json_object_clear(book->sent);
    }
    for (int i = 0; i < nr; i++)
        free((char *)(uintptr_t)list[i].text);
}

void fleetbook_tend(struct fleetbook *book, const struct table *table, int slot, bool all)
{
    uint32_t nr_looks = 0, nr_drawn = 0;

    book->slot = slot;
    if (book->next_target >= table->nr_targets || all)
        book->next_target = 0;
    while (book->next_target < table->nr_targets &&
           (all || (nr_looks++ < LOOKS && nr_drawn < LOOKS_DRAWN)))
        nr_drawn += look_at(book, table_target(table, book->next_target++), slot);
    if (all || book->nr_rests == 0)
        publish(book);
    else
        book->nr_rests--;
}

bool fleetbook_end(struct fleetbook *book, void (*published)(void *context), void *context)
{
    publish(book);
    if (json_object_size(book->sent) == 0)
        return false;
    book->published = published;
    book->published_context = context;
    return true;
}

bool fleetbook_is_published(const struct fleetbook *book)
{
    return json_object_size(book->pending) + json_object_size(book->sent) == 0;
}

/* ---- Together -------------------------------------------------------------------------------- */

struct sums {
    struct fleetbook_split *out;
    struct fleetsplit_account versions[2 * SPLIT_ARMS_MAX];
};

static int place_of(struct sums *sums, const char *name)
{
    struct fleetbook_split *out = sums->out;
    int i = 0;

    while (i < out->nr && strcmp(out->versions[i].name, name) != 0)
        i++;
    if (i < out->nr)
        return i;
    if (i == 2 * SPLIT_ARMS_MAX)
        return -1;
    sums->versions[i] = (struct fleetsplit_account){0, 0, 0, 0};
    out->versions[out->nr++].name = name;
    return i;
}

static void add_account(struct sums *sums, json_t *account)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(account, "versions"), i, one)
    {
        const struct fleetsplit_account as = {(uint64_t)number(one, "picks"), number(one, "error"),
                                              number(one, "low"), number(one, "high")};
        int at = place_of(sums, json_string_value(json_object_get(one, "version")));

        if (at >= 0)
            fleetsplit_add(&sums->versions[at], &as);
    }
}

/* The windows in which a member that has had no invocation yet will be. */
static void add_window(struct sums *sums, const struct target *target, int slot)
{
    static const int64_t zeros[SPLIT_ARMS_MAX];
    int64_t low[SPLIT_ARMS_MAX], high[SPLIT_ARMS_MAX];
    uint32_t weights[SPLIT_ARMS_MAX];
    int nr = target->nr_arms, nr_weighty = 0;
    struct segment *segment;

    for (int i = 0; i < nr; i++) {
        weights[i] = target->arms[i].weight;
        nr_weighty += weights[i] > 0;
    }
    if (target->mode != SPLIT_EXACT || nr_weighty < 2)
        return;
    segment = segment_make(weights, nr, zeros, fleetsplit_place((uint32_t)slot),
                           SEGMENT_FIRST_TICKETS, SEGMENT_COUNTED | SEGMENT_SPREAD);
    if (!segment)
        return;
    segment_reach(segment, weights, low, high);
    for (int i = 0; i < nr; i++)
        for (int k = 0; k < sums->out->nr; k++)
            if (str_eq(str_of(sums->out->versions[k].name), target->arms[i].version->name))
                fleetsplit_add(&sums->versions[k],
                               &(struct fleetsplit_account){0, 0, low[i], high[i]});
    free(segment);
}

bool fleetbook_sum(const struct fleetbook *book, const struct target *target,
                   const struct store_etcd_fleet *fleet, struct fleetbook_split *out)
{
    json_t *slots = member(member(book->aliases, target->function->name), target->alias);
    struct sums sums = {.out = out};
    const char *slot;
    json_t *account;
    char text[SLOT_TEXT];

    *out = (struct fleetbook_split){.nr = 0};
    json_object_foreach(slots, slot, account) add_account(&sums, account);
    for (int i = 0; i < fleet->nr_members && out->nr > 0; i++)
        if (fleet->members[i].slot >= 0 &&
            !json_object_get(slots, slot_text(fleet->members[i].slot, text)))
            add_window(&sums, target, fleet->members[i].slot);
    for (int i = 0; i < out->nr; i++) {
        int64_t bound = fleetsplit_bound(&sums.versions[i]);

        out->versions[i].picks = sums.versions[i].picks;
        out->versions[i].error = sums.versions[i].error;
        out->invocations += sums.versions[i].picks;
        out->bound = bound > out->bound ? bound : out->bound;
    }
    return out->nr > 0;
}

static json_t *split_page(const struct fleetbook_split *split)
{
    json_t *picks = json_object(), *errors = json_object();

    for (int i = 0; i < split->nr; i++) {
        const struct fleetbook_version *version = &split->versions[i];

        (void)!json_object_set_new(picks, version->name, json_integer((json_int_t)version->picks));
        (void)!json_object_set_new(errors, version->name, json_real((double)version->error / 1e9));
    }
    return json_pack("{s:I, s:o, s:o, s:f}", "invocations", (json_int_t)split->invocations, "picks",
                     picks, "error", errors, "bound", (double)split->bound / 1e9);
}

void fleetbook_each(const struct fleetbook *book, const struct table *table,
                    fleetbook_each_split *each, void *context)
{
    struct fleetbook_split *split = malloc(sizeof(*split));
    struct store_etcd_fleet fleet;
    const char *function, *alias;
    json_t *aliases, *slots;

    store_etcd_fleet(book->store, &fleet);
    json_object_foreach(book->aliases, function, aliases) json_object_foreach(aliases, alias, slots)
    {
        const struct target *target = table_find(table, str_of(function), str_of(alias), NULL);

        if (split && target && target->alias.n > 0 && fleetbook_sum(book, target, &fleet, split))
            each(context, target, split);
    }
    free(split);
}

static void add_to_page(void *context, const struct target *target,
                        const struct fleetbook_split *split)
{
    json_t *aliases = object_of(context, target->function->name);

    if (aliases)
        (void)!json_object_setn_new(aliases, target->alias.p, target->alias.n, split_page(split));
}

json_t *fleetbook_page(const struct fleetbook *book, const struct table *table)
{
    json_t *page = json_object();

    if (page)
        fleetbook_each(book, table, add_to_page, page);
    return page;
}
