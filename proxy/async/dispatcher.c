/* Attempts and verdicts. A turn of the schedule is had by an event from schedule_take to release(),
 * whichever way it takes; afterwards the event is put back, deleted, or becomes a dead letter. */
#include "proxy/async/dispatcher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/prng.h"
#include "proxy/async/cache.h"
#include "proxy/async/letter.h"
#include "proxy/async/tally.h"

/* AGAIN_MS: after the store failed. CACHE_BYTES: of events in memory. */
enum { AGAIN_MS = 1000, CACHE_BYTES = 16 * 1024 * 1024 };

struct dispatcher {
    struct inbox inbox; /* first */
    struct loop *loop;
    struct shared *shared;
    struct store *store;
    struct schedule *schedule;
    struct courier **couriers;
    int nr_couriers, next;
    uv_timer_t timer;
    struct cache cache;
    struct tally tally;
    struct prng rng;
    uint64_t *undeleted; /* keys of events that are over, and that the store could not delete */
    size_t nr_undeleted, undeleted_room;
    uint64_t nr_short; /* events that found no place in the schedule */
    bool is_running;
};

static void pump(struct dispatcher *d);
static void set_timer(struct dispatcher *d);

static uint64_t now_unix_ms(const struct dispatcher *d)
{
    return loop_unix_us(d->loop) / 1000;
}

static struct verdict_rules rules_of(const struct dispatcher *d)
{
    const struct settings *s = d->shared->settings;

    return (struct verdict_rules){.retries = s->events.retries,
                                  .retry_ms = s->events.retry_ms,
                                  .backoff_ms = s->events.backoff_ms,
                                  .max_age_ms = (uint64_t)s->events.max_age_s * 1000};
}

/* ---- The schedule ---------------------------------------------------------------------------- */

/* due_ms is of the wall clock, which may jump; the schedule's never does. */
static int add(struct dispatcher *d, uint64_t key, const char *function, bool is_letter,
               uint64_t due_ms)
{
    char name[EVENT_QUEUE_MAX];
    uint64_t now_ms = now_unix_ms(d), in_ms = due_ms > now_ms ? due_ms - now_ms : 0;

    if (schedule_add(d->schedule, event_queue_name(name, function, is_letter), (int64_t)key,
                     d->loop->now_ms + in_ms) == 0)
        return 0;
    if (d->nr_short++ == 0)
        log_error("out of memory: events stay in the store until the next start");
    return -1;
}

/* Back into the queue; its memory is kept if there is room. */
static void add_again_take(struct dispatcher *d, struct event *event, uint64_t due_ms)
{
    const struct store_event *stored = &event->put.event;

    event->put.event.due_ms = due_ms;
    if (add(d, stored->key, stored->function, event->past.is_letter, due_ms) == 0)
        cache_put_take(&d->cache, event);
    else
        event_free(&event);
}

static void release(struct dispatcher *d, struct event *event, enum schedule_result result)
{
    if (event->turn.function)
        schedule_done(d->schedule, &event->turn, result);
}

/* ---- The store ------------------------------------------------------------------------------- */

struct deletion {
    struct dispatcher *dispatcher;
    uint64_t key;
};

static void delete_later(struct dispatcher *d, uint64_t key)
{
    size_t room = d->undeleted_room ? d->undeleted_room * 2 : 16;
    uint64_t *list;

    if (d->nr_undeleted == d->undeleted_room) {
        list = reallocarray(d->undeleted, room, sizeof(list[0]));
        if (!list)
            return; /* it runs once more after the next start */
        d->undeleted = list;
        d->undeleted_room = room;
    }
    d->undeleted[d->nr_undeleted++] = key;
}

static void on_deleted(void *context, enum store_outcome outcome, const char *reason)
{
    struct deletion *deletion = context;

    if (outcome != STORE_DONE) {
        if (deletion->dispatcher->nr_undeleted == 0)
            log_error("an event that is over could not be deleted, and would run again after a "
                      "restart: %s; weir tries again",
                      reason);
        delete_later(deletion->dispatcher, deletion->key);
        if (deletion->dispatcher->is_running)
            set_timer(deletion->dispatcher);
    }
    free(deletion);
}

static void delete_event(struct dispatcher *d, uint64_t key)
{
    struct deletion *deletion = malloc(sizeof(*deletion));

    if (deletion)
        *deletion = (struct deletion){d, key};
    if (deletion && store_event_delete(d->store, key, on_deleted, deletion) == 0)
        return;
    free(deletion);
    delete_later(d, key);
}

static void delete_again(struct dispatcher *d)
{
    size_t nr = d->nr_undeleted;

    d->nr_undeleted = 0;
    for (size_t i = 0; i < nr; i++) /* the list may grow again meanwhile, from its beginning */
        delete_event(d, d->undeleted[i]);
}

static void on_updated(void *context, enum store_outcome outcome, const char *reason)
{
    (void)context;
    if (outcome != STORE_DONE)
        log_warning("an event's retry could not be written down: %s; a restart forgets it", reason);
}

static void update(struct dispatcher *d, struct event *event, uint64_t due_ms)
{
    char *error = event_write_error(event);
    struct store_event changed = {.key = event->put.event.key,
                                  .attempts = event->past.attempts,
                                  .due_ms = due_ms,
                                  .error = error};

    if (!error || store_event_update(d->store, &changed, on_updated, d) < 0)
        log_warning("out of memory: an event's retry is not written down; a restart forgets it");
    free(error);
}

/* ---- The end of an event --------------------------------------------------------------------- */

static void finish_take(struct dispatcher *d, struct event *event)
{
    delete_event(d, event->put.event.key);
    event_free(&event);
}

static void drop_take(struct dispatcher *d, struct event *event, enum expose_event_drop why,
                      const char *words)
{
    const struct store_event *stored = &event->put.event;

    tally_add(&tally_of(&d->tally, stored->function)->dropped[why]);
    log_warning("%s %s of function %s is dropped after %u attempts: %s",
                event->past.is_letter ? "dead letter" : "event", event->id, stored->function,
                event->past.attempts, words);
    finish_take(d, event);
}

/* On a thread of the store's. */
static void on_letter_put(struct store_event_put *put, enum store_outcome outcome,
                          const char *reason)
{
    struct event *letter = put->context;

    letter->note = EVENT_IS_LETTER;
    letter->failure = outcome == STORE_DONE ? NULL : strdup(reason);
    if (!inbox_post_take(letter->home, letter)) {
        event_free(&letter->failed); /* it is in the store still */
        event_free(&letter);
    }
}

static struct event *make_letter(struct dispatcher *d, struct event *event, const char *condition,
                                 const char *to)
{
    const struct settings *s = d->shared->settings;
    struct arn_home home = {str_of(s->aws.region), str_of(s->aws.account_id)};
    uint64_t now_ms = now_unix_ms(d);
    struct buffer record = {0};
    struct event *letter = NULL;
    char id[ID_LENGTH];

    id_make(&d->rng, id);
    letter_write(&record, event, condition, &home, now_ms);
    if (!record.is_out)
        letter = event_make(&(struct event_spec){
            .id = {id, ID_LENGTH},
            .function = str_of(event->put.event.function),
            .qualifier = str_of(to),
            .version = STR(""),
            .meta = STR(" http\nHost: localhost\r\nContent-Type: application/json\r\n"),
            .payload = buffer_text(&record),
            .accepted_ms = now_ms,
            .due_ms = now_ms,
        });
    buffer_fini(&record);
    return letter;
}

/* The event stays until its letter is stored. */
static void send_letter_take(struct dispatcher *d, struct event *event, const char *condition,
                             const char *to)
{
    struct event *letter = make_letter(d, event, condition, to);
    const char *failure = "out of memory";

    if (letter) {
        letter->home = &d->inbox;
        letter->failed = event;
        letter->put.done = on_letter_put;
        letter->put.context = letter;
        failure = store_event_put(d->store, &letter->put);
    }
    if (!failure)
        return;
    log_warning("the dead letter of event %s could not be stored: %s; weir tries again", event->id,
                failure);
    event_free(&letter);
    add_again_take(d, event, now_unix_ms(d) + AGAIN_MS);
}

static void on_letter(struct dispatcher *d, struct event *letter)
{
    struct event *event = letter->failed;

    letter->failed = NULL;
    if (letter->failure) {
        log_warning("the dead letter of event %s could not be stored: %s; weir tries again",
                    event->id, letter->failure);
        event_free(&letter);
        add_again_take(d, event, now_unix_ms(d) + AGAIN_MS);
        return;
    }
    finish_take(d, event);
    add_again_take(d, letter, letter->put.event.due_ms);
}

/* NULL where there is none. */
static const char *dead_letter_of(const struct function *function)
{
    return function && function->more ? function->more->dead_letter : NULL;
}

static const struct function *function_of(const struct dispatcher *d, const char *name)
{
    return table_function(d->shared->table, str_of(name));
}

static void give_up_take(struct dispatcher *d, struct event *event, enum verdict_condition why)
{
    const struct function *function = function_of(d, event->put.event.function);
    const char *to = dead_letter_of(function);

    if (event->past.is_letter)
        drop_take(d, event, EXPOSE_DROP_DEAD_LETTER, "nobody has taken it");
    else if (to)
        send_letter_take(d, event, verdict_conditions[why], to);
    else
        drop_take(d, event, (enum expose_event_drop)why, verdict_conditions[why]);
}

/* ---- Attempts -------------------------------------------------------------------------------- */

/* Hands an event, which has its turn, to the next worker. */
static void order_take(struct dispatcher *d, struct event *event)
{
    struct courier *courier = d->couriers[d->next];

    d->next = (d->next + 1) % d->nr_couriers;
    event->note = EVENT_IS_DUE;
    if (inbox_post_take(&courier->inbox, event))
        return;
    release(d, event, SCHEDULE_UNKNOWN); /* weir ends */
    event_free(&event);
}

/* A letter goes where the function's letters go now. Where there is no such place any more, it
 * waits for one. */
static void address(struct dispatcher *d, struct event *event)
{
    const char *to = dead_letter_of(function_of(d, event->put.event.function));

    event->to[0] = 0;
    if (to && !strstr(to, "://") && strlen(to) < EVENT_TO_MAX)
        memcpy(event->to, to, strlen(to) + 1);
}

static bool may_run_none(const struct function *function)
{
    return function && function->concurrency == 0;
}

static void begin_take(struct dispatcher *d, struct event *event)
{
    struct verdict_rules rules = rules_of(d);
    struct verdict verdict = verdict_before(&rules, &event->past, now_unix_ms(d));

    if (!event->past.is_letter && may_run_none(function_of(d, event->put.event.function)))
        verdict = (struct verdict){.next = VERDICT_GIVE_UP, .condition = VERDICT_ZERO_CONCURRENCY};
    if (verdict.next == VERDICT_AGAIN) {
        if (event->past.is_letter)
            address(d, event);
        order_take(d, event);
        return;
    }
    release(d, event, SCHEDULE_UNKNOWN);
    give_up_take(d, event, verdict.condition);
}

static void on_run(struct dispatcher *d, struct event *event)
{
    struct verdict_rules rules = rules_of(d);
    struct verdict verdict = verdict_after(&rules, &event->past, event->attempt, now_unix_ms(d));
    struct tally_counts *counts = tally_of(&d->tally, event->put.event.function);

    release(d, event, event->attempt == VERDICT_SYSTEM_ERROR ? SCHEDULE_NO_ROOM : SCHEDULE_RAN);
    switch (verdict.next) {
    case VERDICT_OVER:
        if (event->past.is_letter)
            tally_add(&counts->dead_letters);
        else
            tally_add(&counts->delivered);
        finish_take(d, event);
        return;
    case VERDICT_AGAIN:
        tally_add(&counts->retried);
        update(d, event, verdict.due_ms);
        add_again_take(d, event, verdict.due_ms);
        return;
    case VERDICT_GIVE_UP:
        give_up_take(d, event, verdict.condition);
        return;
    }
}

/* ---- What is due ----------------------------------------------------------------------------- */

struct fetch {
    struct dispatcher *dispatcher;
    struct schedule_turn turn;
};

static void on_fetched(void *context, const struct store_event *stored, const char *reason)
{
    struct fetch *fetch = context;
    struct dispatcher *d = fetch->dispatcher;
    struct event *event = stored ? event_load(stored) : NULL;

    if (event) {
        event->turn = fetch->turn;
        if (d->is_running)
            begin_take(d, event);
        else
            event_free(&event);
    } else {
        log_error("an event could not be read from the store, and stays there until the next "
                  "start: %s",
                  stored      ? "out of memory"
                  : reason[0] ? reason
                              : "it is not there");
        schedule_done(d->schedule, &fetch->turn, SCHEDULE_UNKNOWN);
    }
    free(fetch);
}

static void fetch(struct dispatcher *d, struct schedule_turn *turn)
{
    struct fetch *fetch = malloc(sizeof(*fetch));

    if (fetch)
        *fetch = (struct fetch){d, *turn};
    if (fetch && store_event_fetch(d->store, (uint64_t)turn->event, on_fetched, fetch) == 0)
        return;
    free(fetch);
    log_error("out of memory: an event stays in the store until the next start");
    schedule_done(d->schedule, turn, SCHEDULE_UNKNOWN);
}

static void on_timer(uv_timer_t *timer)
{
    struct dispatcher *d = timer->data;

    delete_again(d);
    pump(d);
}

static void set_timer(struct dispatcher *d)
{
    uint64_t next_ms = schedule_next_ms(d->schedule), now_ms = d->loop->now_ms;
    uint64_t in_ms = next_ms > now_ms ? next_ms - now_ms : 0;

    if (d->nr_undeleted > 0 && in_ms > AGAIN_MS)
        in_ms = AGAIN_MS;
    else if (next_ms == SCHEDULE_NEVER)
        return;
    uv_update_time(&d->loop->uv);
    uv_timer_start(&d->timer, on_timer, in_ms, 0);
}

static void pump(struct dispatcher *d)
{
    struct schedule_turn turn;

    uv_timer_stop(&d->timer);
    while (d->is_running && schedule_take(d->schedule, d->loop->now_ms, &turn)) {
        struct event *event = cache_take(&d->cache, (uint64_t)turn.event);

        if (event) {
            event->turn = turn;
            begin_take(d, event);
        } else {
            fetch(d, &turn);
        }
    }
    if (d->is_running)
        set_timer(d);
}

static void take(struct inbox *inbox, struct event *event)
{
    struct dispatcher *d = (struct dispatcher *)inbox;

    switch (event->note) {
    case EVENT_IS_ACCEPTED:
        tally_add(&tally_of(&d->tally, event->put.event.function)->accepted);
        add_again_take(d, event, event->put.event.due_ms);
        return;
    case EVENT_HAS_RUN:
        on_run(d, event);
        return;
    case EVENT_IS_LETTER:
        on_letter(d, event);
        return;
    default:
        assert(!"nothing else is handed to the dispatcher");
    }
}

static void on_turn(struct inbox *inbox)
{
    pump((struct dispatcher *)inbox);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static struct schedule_limits limits_of(const struct shared *shared)
{
    return (struct schedule_limits){shared->settings->events.in_flight,
                                    shared->settings->events.in_flight_per_function};
}

static void on_stored(void *context, const struct store_event *stored)
{
    struct dispatcher *d = context;

    (void)add(d, stored->key, stored->function, event_is_letter(stored), stored->due_ms);
}

struct dispatcher *dispatcher_make(struct loop *loop, struct shared *shared, struct store *store)
{
    struct schedule_limits limits = limits_of(shared);
    struct dispatcher *d = calloc(1, sizeof(*d));

    if (!d)
        goto out;
    d->loop = loop;
    d->shared = shared;
    d->store = store;
    d->cache.max = CACHE_BYTES;
    prng_init(&d->rng);
    d->inbox.take = take;
    d->inbox.turn = on_turn;
    d->schedule = schedule_make(&limits);
    if (!d->schedule || inbox_open(&d->inbox, loop) < 0)
        goto out;
    uv_timer_init(&loop->uv, &d->timer); /* it cannot fail */
    d->timer.data = d;
    return d;
out:
    log_error("the queue of events cannot be made: out of memory or descriptors");
    if (d && d->schedule)
        schedule_free(&d->schedule);
    free(d);
    return NULL;
}

int dispatcher_load(struct dispatcher *d)
{
    struct store_reason reason;

    if (store_events_now(d->store, on_stored, d, &reason) < 0) {
        log_error("the queued events cannot be read: %s", reason.text);
        return -1;
    }
    if (d->nr_short > 0)
        return -1; /* said already */
    if (schedule_nr_queued(d->schedule) > 0)
        log_info("%llu events are queued", (unsigned long long)schedule_nr_queued(d->schedule));
    return 0;
}

struct inbox *dispatcher_inbox(struct dispatcher *d)
{
    return &d->inbox;
}

int dispatcher_add(struct dispatcher *d, struct courier *courier)
{
    struct courier **couriers =
        reallocarray(d->couriers, (size_t)d->nr_couriers + 1, sizeof(couriers[0]));

    if (!couriers)
        return -1;
    d->couriers = couriers;
    couriers[d->nr_couriers++] = courier;
    return 0;
}

void dispatcher_begin(struct dispatcher *d)
{
    d->is_running = d->nr_couriers > 0;
    pump(d);
}

void dispatcher_take_settings(struct dispatcher *d)
{
    struct schedule_limits limits = limits_of(d->shared);

    schedule_limit(d->schedule, &limits);
    pump(d);
}

void dispatcher_drain(struct dispatcher *d)
{
    d->is_running = false;
    uv_timer_stop(&d->timer);
}

void dispatcher_settle(struct dispatcher *d)
{
    d->is_running = false;
    inbox_empty(&d->inbox);
}

void dispatcher_free(struct dispatcher **dispatcher)
{
    struct dispatcher *d = *dispatcher;

    *dispatcher = NULL;
    if (!d)
        return;
    inbox_close(&d->inbox);
    cache_fini(&d->cache);
    tally_fini(&d->tally);
    schedule_free(&d->schedule);
    free(d->couriers);
    free(d->undeleted);
    free(d);
}

struct dispatcher_report dispatcher_report(const struct dispatcher *d)
{
    uint64_t oldest_ms = store_oldest_event_ms(d->store), now_ms = clock_unix_us() / 1000;
    struct dispatcher_report report = {.queued = store_nr_events(d->store)};

    if (oldest_ms > 0 && now_ms > oldest_ms)
        report.oldest_age_ms = now_ms - oldest_ms;
    return report;
}

struct expose_event_counts *dispatcher_counts(const struct dispatcher *d, int *nr)
{
    return tally_list(&d->tally, nr);
}
