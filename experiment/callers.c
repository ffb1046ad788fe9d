/* A table has its callers in a row, with an index over them, so that letting some go needs no
 * memory; outcomes stand in columns, which are made when one is first heard of. */
#include "experiment/callers.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES = 256, ROOM_MIN = 16 };

struct callers_table {
    pthread_mutex_t lock;
    uint32_t nr, room; /* room is a power of two, or 0 */
    uint32_t era;
    struct kept_caller *list;
    uint32_t *index;               /* 2 * room places: 0 free, else 1 + where in the list */
    double *columns[OUTCOMES_MAX]; /* room each; NULL: nothing yet */
};

struct callers {
    uint32_t max;
    _Atomic uint32_t nr;
    _Atomic uint64_t limit; /* of the second hash */
    pthread_mutex_t halving;
    struct callers_table tables[TABLES];
};

/* splitmix64's finaliser, of a number that differs from the key in many bits: what the map of a
 * split makes of the key says nothing of it. */
static uint64_t second_hash(uint64_t key)
{
    uint64_t x = key ^ 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct callers_table *table_of(struct callers *callers, uint64_t key)
{
    return &callers->tables[key % TABLES];
}

struct callers *callers_make(uint32_t max)
{
    struct callers *callers = calloc(1, sizeof(*callers));

    if (!callers)
        return NULL;
    callers->max = max;
    atomic_init(&callers->nr, 0);
    atomic_init(&callers->limit, UINT64_MAX);
    pthread_mutex_init(&callers->halving, NULL);
    for (int i = 0; i < TABLES; i++)
        pthread_mutex_init(&callers->tables[i].lock, NULL);
    return callers;
}

void callers_free(struct callers **callers)
{
    struct callers *c = *callers;

    *callers = NULL;
    if (!c)
        return;
    for (int i = 0; i < TABLES; i++) {
        struct callers_table *t = &c->tables[i];

        pthread_mutex_destroy(&t->lock);
        free(t->list);
        free(t->index);
        for (int k = 0; k < OUTCOMES_MAX; k++)
            free(t->columns[k]);
    }
    pthread_mutex_destroy(&c->halving);
    free(c);
}

/* ---- One table, under its lock --------------------------------------------------------------- */

static uint32_t *place_of(struct callers_table *t, uint64_t key)
{
    uint32_t mask = 2 * t->room - 1, i = (uint32_t)(key / TABLES) & mask;

    while (t->index[i] > 0 && t->list[t->index[i] - 1].key != key)
        i = (i + 1) & mask;
    return &t->index[i];
}

static struct kept_caller *find(struct callers_table *t, uint64_t key)
{
    uint32_t place = t->room > 0 ? *place_of(t, key) : 0;

    return place > 0 ? &t->list[place - 1] : NULL;
}

static void make_index(struct callers_table *t)
{
    memset(t->index, 0, 2 * (size_t)t->room * sizeof(t->index[0]));
    for (uint32_t i = 0; i < t->nr; i++)
        *place_of(t, t->list[i].key) = i + 1;
}

static bool grow_column(double **column, uint32_t from, uint32_t to)
{
    double *grown = *column ? reallocarray(*column, to, sizeof(double)) : NULL;

    if (*column && !grown)
        return false;
    if (grown) {
        memset(grown + from, 0, (to - from) * sizeof(double));
        *column = grown;
    }
    return true;
}

/* What has grown may stay so where the rest does not. */
static bool grow(struct callers_table *t)
{
    uint32_t room = t->room > 0 ? t->room * 2 : ROOM_MIN;
    struct kept_caller *list = reallocarray(t->list, room, sizeof(*list));
    uint32_t *index = calloc(2 * (size_t)room, sizeof(*index));

    if (list)
        t->list = list;
    for (int k = 0; list && index && k < OUTCOMES_MAX; k++) {
        if (!grow_column(&t->columns[k], t->room, room)) {
            free(index);
            return false;
        }
    }
    if (!list || !index) {
        free(index);
        return false;
    }
    free(t->index);
    t->index = index;
    t->room = room;
    make_index(t);
    return true;
}

static struct kept_caller *add(struct callers_table *t, uint64_t key, uint16_t version)
{
    struct kept_caller *caller;

    if (t->nr == t->room && !grow(t))
        return NULL;
    caller = &t->list[t->nr++];
    *caller = (struct kept_caller){.key = key, .version = version};
    *place_of(t, key) = t->nr;
    return caller;
}

static void move(struct callers_table *t, uint32_t to, uint32_t from)
{
    t->list[to] = t->list[from];
    for (int k = 0; k < OUTCOMES_MAX; k++)
        if (t->columns[k])
            t->columns[k][to] = t->columns[k][from];
}

/* Lets those go whose second hash is above the limit; answers how many. */
static uint32_t sweep(struct callers_table *t, uint64_t limit)
{
    uint32_t kept = 0, nr = t->nr;

    for (uint32_t i = 0; i < nr; i++) {
        if (second_hash(t->list[i].key) > limit)
            continue;
        if (kept != i)
            move(t, kept, i);
        kept++;
    }
    for (int k = 0; k < OUTCOMES_MAX; k++)
        if (t->columns[k])
            memset(t->columns[k] + kept, 0, (nr - kept) * sizeof(double));
    t->nr = kept;
    if (t->room > 0)
        make_index(t);
    return nr - kept;
}

/* ---- The sample ------------------------------------------------------------------------------ */

/* Whoever brings one caller too many does it; others go on. */
static void halve(struct callers *callers)
{
    if (pthread_mutex_trylock(&callers->halving) != 0)
        return;
    while (atomic_load(&callers->nr) >= callers->max) {
        uint64_t limit = atomic_load(&callers->limit) / 2;

        atomic_store(&callers->limit, limit);
        for (int i = 0; i < TABLES; i++) {
            struct callers_table *t = &callers->tables[i];

            pthread_mutex_lock(&t->lock);
            atomic_fetch_sub(&callers->nr, sweep(t, limit));
            pthread_mutex_unlock(&t->lock);
        }
    }
    pthread_mutex_unlock(&callers->halving);
}

static enum callers_answer visit(struct callers_table *t, struct kept_caller *caller,
                                 uint16_t version)
{
    (void)t;
    caller->is_crossed |= caller->version != version;
    if (caller->is_crossed)
        return CALLERS_CROSSED;
    if (caller->is_counted)
        return CALLERS_OLD;
    caller->is_counted = true;
    return CALLERS_NEW;
}

enum callers_answer callers_begin(struct callers *callers, uint64_t key, uint16_t version)
{
    struct callers_table *t = table_of(callers, key);
    enum callers_answer answer = CALLERS_NOT_KEPT;
    uint32_t nr = 0;

    pthread_mutex_lock(&t->lock);
    struct kept_caller *caller = find(t, key);
    /* looked at under the lock, so that none is added behind the back of halve */
    if (!caller && second_hash(key) <= atomic_load(&callers->limit)) {
        caller = add(t, key, version);
        if (caller)
            nr = atomic_fetch_add(&callers->nr, 1) + 1;
    }
    if (caller)
        answer = visit(t, caller, version);
    pthread_mutex_unlock(&t->lock);
    if (nr >= callers->max)
        halve(callers);
    return answer;
}

int callers_end(struct callers *callers, uint64_t key, uint16_t version, bool is_counting,
                bool is_answered, bool is_error, double duration_ms)
{
    struct callers_table *t = table_of(callers, key);
    int change = is_counting && !is_answered ? -1 : 0;

    pthread_mutex_lock(&t->lock);
    struct kept_caller *caller = find(t, key);
    if (caller) {
        if (change < 0)
            caller->is_counted = false;
        if (is_answered && !caller->is_counted && caller->version == version) {
            caller->is_counted = true;
            change = 1;
        }
        if (caller->n < UINT32_MAX) {
            caller->n++;
            caller->errors += is_error;
            caller->duration_ms += duration_ms;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return change;
}

static void add_outcome(struct callers_table *t, uint32_t place, int number, double value)
{
    if (!t->columns[number])
        t->columns[number] = calloc(t->room, sizeof(double));
    if (t->columns[number])
        t->columns[number][place] += value;
}

void callers_outcomes(struct callers *callers, uint32_t era, uint64_t key, uint16_t version,
                      const int *numbers, const double *values, int nr)
{
    struct callers_table *t = table_of(callers, key);

    pthread_mutex_lock(&t->lock);
    struct kept_caller *caller = t->era == era ? find(t, key) : NULL;
    for (int i = 0; caller && caller->version == version && i < nr; i++)
        add_outcome(t, (uint32_t)(caller - t->list), numbers[i], values[i]);
    pthread_mutex_unlock(&t->lock);
}

void callers_forget(struct callers *callers, uint32_t era)
{
    pthread_mutex_lock(&callers->halving);
    for (int i = 0; i < TABLES; i++) {
        struct callers_table *t = &callers->tables[i];

        pthread_mutex_lock(&t->lock);
        atomic_fetch_sub(&callers->nr, t->nr);
        t->nr = 0;
        t->era = era;
        if (t->room > 0)
            make_index(t);
        for (int k = 0; k < OUTCOMES_MAX; k++) {
            free(t->columns[k]);
            t->columns[k] = NULL;
        }
        pthread_mutex_unlock(&t->lock);
    }
    atomic_store(&callers->limit, UINT64_MAX);
    pthread_mutex_unlock(&callers->halving);
}

void callers_each(struct callers *callers, callers_look *look, void *context)
{
    double outcomes[OUTCOMES_MAX];

    for (int i = 0; i < TABLES; i++) {
        struct callers_table *t = &callers->tables[i];

        pthread_mutex_lock(&t->lock);
        for (uint32_t n = 0; n < t->nr; n++) {
            for (int k = 0; k < OUTCOMES_MAX; k++)
                outcomes[k] = t->columns[k] ? t->columns[k][n] : 0;
            look(context, &t->list[n], outcomes);
        }
        pthread_mutex_unlock(&t->lock);
    }
}

double callers_share(const struct callers *callers)
{
    return ((double)atomic_load(&callers->limit) + 1) / 0x1p64;
}

uint32_t callers_kept(const struct callers *callers)
{
    return atomic_load(&callers->nr);
}

uint32_t callers_max(const struct callers *callers)
{
    return callers->max;
}
