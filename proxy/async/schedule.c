/* A function is in one place at a time:
 *
 *     IDLE     no event waits; attempts run, else it is freed
 *     ASLEEP   in the heap of functions, by its first event's due time
 *     READY    in the ring of those that take turns
 *     FULL     as many attempts run as may; schedule_done lets it go on
 *
 * place() alone moves it. */
#include "proxy/async/schedule.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Without memory for the hash table an element stays outside: its hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* WINDOW_FIRST: what a function that was not heard of begins with. */
enum { WINDOW_FIRST = 8, HEAP_MIN = 4 };

struct entry {
    uint64_t due_ms;
    int64_t event;
};

enum place { IDLE, ASLEEP, READY, FULL };

struct schedule_function {
    UT_hash_handle hh;
    TAILQ_ENTRY(schedule_function) link; /* READY */
    uint32_t at;                         /* ASLEEP: its index in the heap of functions */
    enum place place;
    uint32_t nr_in_flight, window;
    uint32_t nr, room; /* of entries, a heap */
    struct entry *entries;
    uint32_t name_len;
    char name[];
};

struct schedule {
    struct schedule_limits limits;
    uint32_t nr_in_flight;
    uint64_t nr_queued;
    struct schedule_function *functions; /* by name */
    TAILQ_HEAD(, schedule_function) ready;
    struct schedule_function **asleep; /* a heap with room for every function */
    uint32_t nr_functions, nr_asleep, asleep_room;
};

/* ---- A function's events, by due time -------------------------------------------------------- */

/* Those due at the same time in the order in which they were accepted. */
static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->event < b->event;
}

static int push_entry(struct schedule_function *f, struct entry entry)
{
    uint32_t i = f->nr;

    if (f->nr == f->room) {
        uint32_t room = f->room ? f->room * 2 : HEAP_MIN;
        struct entry *entries =
            room > f->room ? reallocarray(f->entries, room, sizeof(entries[0])) : NULL;
        if (!entries)
            return -1;
        f->entries = entries;
        f->room = room;
    }
    f->nr++;
    for (; i > 0 && is_before(&entry, &f->entries[(i - 1) / 2]); i = (i - 1) / 2)
        f->entries[i] = f->entries[(i - 1) / 2];
    f->entries[i] = entry;
    return 0;
}

/* Memory of a backlog that is gone goes back, but not so early that it is asked for again soon. */
static void shrink(struct schedule_function *f)
{
    uint32_t room = f->room / 2;
    struct entry *entries;

    if (f->nr > f->room / 8 || room < HEAP_MIN * 16)
        return;
    entries = reallocarray(f->entries, room, sizeof(entries[0]));
    if (!entries)
        return;
    f->entries = entries;
    f->room = room;
}

static struct entry pop_entry(struct schedule_function *f)
{
    struct entry first = f->entries[0], last = f->entries[--f->nr];
    uint32_t i = 0, child;

    for (; (child = 2 * i + 1) < f->nr; i = child) {
        if (child + 1 < f->nr && is_before(&f->entries[child + 1], &f->entries[child]))
            child++;
        if (!is_before(&f->entries[child], &last))
            break;
        f->entries[i] = f->entries[child];
    }
    f->entries[i] = last;
    shrink(f);
    return first;
}

/* ---- Functions that sleep, by the due time of their first event ------------------------------ */

static uint64_t wakes_ms(const struct schedule_function *f)
{
    return f->entries[0].due_ms;
}

static void put_asleep(struct schedule *s, uint32_t i, struct schedule_function *f)
{
    s->asleep[i] = f;
    f->at = i;
}

/* f's time is earlier than, or as, that of what was at i, or it is new there. */
static void rise(struct schedule *s, uint32_t i, struct schedule_function *f)
{
    for (; i > 0 && wakes_ms(f) < wakes_ms(s->asleep[(i - 1) / 2]); i = (i - 1) / 2)
        put_asleep(s, i, s->asleep[(i - 1) / 2]);
    put_asleep(s, i, f);
}

static void sink(struct schedule *s, uint32_t i, struct schedule_function *f)
{
    uint32_t child;

    for (; (child = 2 * i + 1) < s->nr_asleep; i = child) {
        if (child + 1 < s->nr_asleep && wakes_ms(s->asleep[child + 1]) < wakes_ms(s->asleep[child]))
            child++;
        if (wakes_ms(s->asleep[child]) >= wakes_ms(f))
            break;
        put_asleep(s, i, s->asleep[child]);
    }
    put_asleep(s, i, f);
}

static void leave_asleep(struct schedule *s, struct schedule_function *f)
{
    struct schedule_function *last = s->asleep[--s->nr_asleep];

    assert(s->asleep[f->at] == f);
    if (last == f)
        return;
    if (f->at > 0 && wakes_ms(last) < wakes_ms(s->asleep[(f->at - 1) / 2]))
        rise(s, f->at, last);
    else
        sink(s, f->at, last);
}

/* ---- Functions ------------------------------------------------------------------------------- */

/* The only way from one place to another. */
static void place(struct schedule *s, struct schedule_function *f, enum place place)
{
    if (f->place == ASLEEP)
        leave_asleep(s, f);
    if (f->place == READY)
        TAILQ_REMOVE(&s->ready, f, link);
    f->place = place;
    if (place == READY)
        TAILQ_INSERT_TAIL(&s->ready, f, link);
    if (place == ASLEEP)
        rise(s, s->nr_asleep++, f);
}

/* Where a function belongs that is not in the middle of its turn. */
static void settle(struct schedule *s, struct schedule_function *f)
{
    if (f->nr == 0)
        place(s, f, IDLE);
    else if (f->nr_in_flight >= f->window)
        place(s, f, FULL);
    else
        place(s, f, ASLEEP);
}

/* Its first event is due. */
static void place_awake(struct schedule *s, struct schedule_function *f)
{
    place(s, f, f->nr_in_flight < f->window ? READY : FULL);
}

static void end_function(struct schedule *s, struct schedule_function *f)
{
    HASH_DEL(s->functions, f);
    s->nr_functions--;
    free(f->entries);
    free(f);
}

static int keep_asleep_room(struct schedule *s)
{
    uint32_t room = s->asleep_room ? s->asleep_room * 2 : 16;
    struct schedule_function **asleep;

    if (s->nr_functions < s->asleep_room)
        return 0;
    asleep = reallocarray(s->asleep, room, sizeof(asleep[0]));
    if (!asleep)
        return -1;
    s->asleep = asleep;
    s->asleep_room = room;
    return 0;
}

static uint32_t window_max(const struct schedule *s)
{
    return s->limits.in_flight_function;
}

static struct schedule_function *get_function(struct schedule *s, struct str name)
{
    struct schedule_function *f;

    HASH_FIND(hh, s->functions, name.p, name.n, f);
    if (f || keep_asleep_room(s) < 0)
        return f;
    f = calloc(1, sizeof(*f) + name.n);
    if (!f)
        return NULL;
    f->window = WINDOW_FIRST < window_max(s) ? WINDOW_FIRST : window_max(s);
    f->name_len = (uint32_t)name.n;
    memcpy(f->name, name.p, name.n);
    HASH_ADD(hh, s->functions, name, f->name_len, f);
    if (!f->hh.tbl) {
        free(f);
        return NULL;
    }
    s->nr_functions++;
    return f;
}

/* ---- The whole ------------------------------------------------------------------------------- */

struct schedule *schedule_make(const struct schedule_limits *limits)
{
    struct schedule *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    TAILQ_INIT(&s->ready);
    schedule_limit(s, limits);
    return s;
}

void schedule_free(struct schedule **schedule)
{
    struct schedule *s = *schedule;
    struct schedule_function *f, *next;

    *schedule = NULL;
    HASH_ITER(hh, s->functions, f, next)
    end_function(s, f);
    free(s->asleep);
    free(s);
}

void schedule_limit(struct schedule *s, const struct schedule_limits *limits)
{
    struct schedule_function *f, *next;

    assert(limits->in_flight > 0 && limits->in_flight_function > 0);
    s->limits = *limits;
    HASH_ITER(hh, s->functions, f, next)
    {
        if (f->window > window_max(s))
            f->window = window_max(s);
        if (f->place == READY)
            place_awake(s, f);
    }
}

int schedule_add(struct schedule *s, struct str function, int64_t event, uint64_t due_ms)
{
    struct schedule_function *f = get_function(s, function);
    enum place before;

    if (!f)
        return -1;
    before = f->place;
    if (before == ASLEEP) /* its time may change: out before, in after */
        place(s, f, IDLE);
    if (push_entry(f, (struct entry){due_ms, event}) < 0) {
        if (before == ASLEEP)
            settle(s, f);
        else if (before == IDLE && f->nr_in_flight == 0)
            end_function(s, f);
        return -1;
    }
    s->nr_queued++;
    if (before == ASLEEP || before == IDLE)
        settle(s, f);
    return 0;
}

static void wake(struct schedule *s, uint64_t now_ms)
{
    while (s->nr_asleep > 0 && wakes_ms(s->asleep[0]) <= now_ms)
        place_awake(s, s->asleep[0]);
}

bool schedule_take(struct schedule *s, uint64_t now_ms, struct schedule_turn *turn)
{
    struct schedule_function *f;

    if (s->nr_in_flight >= s->limits.in_flight)
        return false;
    wake(s, now_ms);
    f = TAILQ_FIRST(&s->ready);
    if (!f)
        return false;
    turn->event = pop_entry(f).event;
    turn->function = f;
    s->nr_queued--;
    s->nr_in_flight++;
    f->nr_in_flight++;
    if (f->nr > 0 && wakes_ms(f) <= now_ms)
        place_awake(s, f); /* behind the others */
    else
        settle(s, f);
    return true;
}

static void adapt(struct schedule *s, struct schedule_function *f, enum schedule_result result)
{
    if (result == SCHEDULE_RAN && f->window < window_max(s))
        f->window++;
    if (result == SCHEDULE_NO_ROOM)
        f->window = f->window > 1 ? f->window / 2 : 1;
}

void schedule_done(struct schedule *s, struct schedule_turn *turn, enum schedule_result result)
{
    struct schedule_function *f = turn->function;

    assert(f->nr_in_flight > 0 && s->nr_in_flight > 0);
    turn->function = NULL;
    f->nr_in_flight--;
    s->nr_in_flight--;
    adapt(s, f, result);
    if (f->place == READY && f->nr_in_flight >= f->window)
        place(s, f, FULL);
    else if (f->place == FULL)
        settle(s, f);
    if (f->nr == 0 && f->nr_in_flight == 0)
        end_function(s, f);
}

uint64_t schedule_next_ms(const struct schedule *s)
{
    if (s->nr_in_flight >= s->limits.in_flight)
        return SCHEDULE_NEVER;
    if (!TAILQ_EMPTY(&s->ready))
        return 0;
    return s->nr_asleep > 0 ? wakes_ms(s->asleep[0]) : SCHEDULE_NEVER;
}

uint64_t schedule_nr_queued(const struct schedule *s)
{
    return s->nr_queued;
}

uint32_t schedule_nr_in_flight(const struct schedule *s)
{
    return s->nr_in_flight;
}
