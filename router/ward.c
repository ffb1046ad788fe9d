/* Units, and what goes on from target to target. */
#include "router/ward.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "router/alias_terms.h"
#include "router/model.h"
#include "router/wardbook.h"

enum { RESTED_MAX = 16 };

/* ---- One ward -------------------------------------------------------------------------------- */

static char *put_name(struct str *name, char *p, struct str from)
{
    memcpy(p, from.p, from.n);
    *name = (struct str){p, from.n};
    return p + from.n;
}

static struct ward *make(const struct target *target, int arm)
{
    struct str function = target->function->name, alias = target->alias;
    struct str version = target->arms[arm].version->name;
    struct ward *ward = calloc(1, sizeof(*ward) + function.n + alias.n + version.n);
    char *p = (char *)(ward + 1);

    if (!ward)
        return NULL;
    atomic_init(&ward->refs, 1);
    pthread_mutex_init(&ward->lock, NULL);
    p = put_name(&ward->function, p, function);
    p = put_name(&ward->alias, p, alias);
    put_name(&ward->version, p, version);
    return ward;
}

/* What the process before knew of it. */
static void restore(struct ward *ward)
{
    const struct wardbook_slot *slot = ward->slot;

    atomic_store(&ward->failed, atomic_load(&slot->failed));
    atomic_store(&ward->used, atomic_load(&slot->failed));
    atomic_store(&ward->due, atomic_load(&slot->cause));
    ward->guard = slot->guard;
    ward->nr_errors = slot->nr_errors;
    ward->nr_first_errors = slot->nr_first_errors;
}

/* is_first: the alias is in no table before. */
static void keep(struct ward *ward, struct wardbook *book, bool is_first)
{
    struct wardbook_key key;

    if (!book)
        return;
    key = wardbook_key(ward->function, ward->alias, ward->version);
    ward->book = book;
    ward->slot = is_first ? wardbook_find(book, key) : NULL;
    if (ward->slot)
        restore(ward);
    else
        ward->slot = wardbook_take(book, key);
}

struct ward *ward_ref(struct ward *ward)
{
    atomic_fetch_add_explicit(&ward->refs, 1, memory_order_relaxed);
    return ward;
}

void ward_unref(struct ward **ward)
{
    struct ward *w = *ward;

    *ward = NULL;
    if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (w->slot)
        wardbook_release(w->book, &w->slot);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

struct ward_figures ward_figures(struct ward *ward)
{
    struct ward_figures figures = {.failed = atomic_load(&ward->failed)};

    pthread_mutex_lock(&ward->lock);
    figures.nr_errors = ward->nr_errors;
    figures.nr_first_errors = ward->nr_first_errors;
    figures.log_evalue = guard_log(&ward->guard);
    pthread_mutex_unlock(&ward->lock);
    return figures;
}

/* True for the one who is first. */
static bool take_back(struct ward *ward, enum ward_cause cause)
{
    uint32_t fine = WARD_FINE;
    bool is_first = atomic_compare_exchange_strong(&ward->cause, &fine, cause);

    if (is_first && ward->slot)
        atomic_store(&ward->slot->cause, cause);
    return is_first;
}

/* ---- From target to target ------------------------------------------------------------------- */

static const struct ward_place *find(const struct wards *wards, struct str version)
{
    for (int i = 0; wards && i < wards->nr; i++)
        if (str_eq(wards->list[i].ward->version, version))
            return &wards->list[i];
    return NULL;
}

static bool is_of_canary(const struct target *target, int arm)
{
    return arm > 0 && target->arms[arm].weight > 0;
}

/* The predecessor's while its version had weight; else one that begins. */
static int add_active(struct wards *wards, const struct target *target, int arm,
                      const struct target *predecessor, struct wardbook *book)
{
    const struct wards *before = predecessor ? predecessor->wards : NULL;
    const struct ward_place *old = find(before, target->arms[arm].version->name);
    double weight = target->arms[arm].weight;
    struct ward_place *place = &wards->list[wards->nr];

    place->ward = old && old->arm >= 0 ? ward_ref(old->ward) : make(target, arm);
    if (!place->ward)
        return -1;
    if (!place->ward->book)
        keep(place->ward, book, !predecessor);
    else if (place->ward->slot)
        wardbook_rest(place->ward->slot, false);
    place->arm = arm;
    place->share = weight / (weight + target->arms[0].weight);
    wards->nr++;
    wards->nr_active++;
    return 0;
}

/* Is it another version than the first, and one that the function has? */
static bool may_come_back(const struct target *target, const struct ward *ward)
{
    return !str_eq(ward->version, target->arms[0].version->name) &&
           model_version(target->function, ward->version, 0);
}

static void add_rested(struct wards *wards, const struct target *target, const struct wards *before)
{
    for (int i = 0; before && i < before->nr; i++) {
        struct ward *ward = before->list[i].ward;

        if (wards->nr - wards->nr_active == RESTED_MAX)
            return;
        if (find(wards, ward->version))
            continue;
        if (ward->slot)
            wardbook_rest(ward->slot, true);
        if (may_come_back(target, ward))
            wards->list[wards->nr++] = (struct ward_place){.ward = ward_ref(ward), .arm = -1};
    }
}

int ward_join(struct target *target, const struct target *before, struct wardbook *book)
{
    const struct alias_terms *terms = target->terms;
    const struct wards *old = before ? before->wards : NULL;
    struct wards *wards;

    if (!terms || (!terms->budget && !terms->guard))
        return 0;
    wards =
        calloc(1, sizeof(*wards) + (size_t)(target->nr_arms + RESTED_MAX) * sizeof(wards->list[0]));
    target->wards = wards;
    if (!wards)
        return -1;
    wards->failures = terms->budget ? terms->budget->failures : 0;
    wards->alpha = terms->guard ? terms->guard->alpha : 0;
    for (int arm = 0; arm < target->nr_arms; arm++)
        if (is_of_canary(target, arm) && add_active(wards, target, arm, before, book) < 0)
            return -1;
    add_rested(wards, target, old);
    return 0;
}

void ward_leave(struct target *target)
{
    struct wards *wards = target->wards;

    target->wards = NULL;
    for (int i = 0; wards && i < wards->nr; i++)
        ward_unref(&wards->list[i].ward);
    free(wards);
}

/* ---- Units ----------------------------------------------------------------------------------- */

struct ward *ward_of(const struct wards *wards, int arm)
{
    for (int i = 0; i < wards->nr_active; i++)
        if (wards->list[i].arm == arm)
            return wards->list[i].ward;
    return NULL;
}

/* One canary that is taken back takes all of them back. */
static bool is_any_taken_back(const struct wards *wards)
{
    for (int i = 0; i < wards->nr_active; i++)
        if (atomic_load(&wards->list[i].ward->cause) != WARD_FINE ||
            atomic_load(&wards->list[i].ward->due) != WARD_FINE)
            return true;
    return false;
}

enum ward_answer ward_take(const struct wards *wards, struct ward *ward)
{
    uint32_t used = atomic_load(&ward->used);
    uint32_t due =
        atomic_load(&ward->due) != WARD_FINE ? atomic_exchange(&ward->due, WARD_FINE) : WARD_FINE;

    if (due != WARD_FINE) /* the process before did not come to it */
        return take_back(ward, (enum ward_cause)due) ? WARD_RECALL : WARD_DEFER;
    if (is_any_taken_back(wards))
        return WARD_DEFER;
    do {
        if (wards->failures == 0 || used < wards->failures)
            continue;
        /* All have failed: the budget was larger before. */
        return atomic_load(&ward->failed) >= wards->failures && take_back(ward, WARD_BUDGET)
                   ? WARD_RECALL
                   : WARD_DEFER;
    } while (!atomic_compare_exchange_weak(&ward->used, &used, used + 1));
    return WARD_MAY;
}

void ward_give(struct ward *ward)
{
    assert(atomic_load(&ward->used) > 0);
    atomic_fetch_sub(&ward->used, 1);
}

bool ward_spend(const struct wards *wards, struct ward *ward)
{
    uint32_t failed = atomic_load(&ward->failed);
    bool is_last = false;

    /* It is taken back before its last failure shows: else a ward_take in between would find all
     * failed, and the recall would be its to do, while this one is answered at once. */
    do {
        if (wards->failures > 0 && failed + 1 >= wards->failures)
            is_last |= take_back(ward, WARD_BUDGET);
    } while (!atomic_compare_exchange_weak(&ward->failed, &failed, failed + 1));
    if (ward->slot)
        atomic_fetch_add(&ward->slot->failed, 1);
    return is_last;
}

bool ward_is_taken_back(const struct wards *wards, struct str version)
{
    const struct ward_place *place = find(wards, version);

    return place && place->arm < 0 && atomic_load(&place->ward->cause) != WARD_FINE;
}

/* ---- The guard ------------------------------------------------------------------------------- */

static bool note_error(const struct ward_place *place, bool is_canary, double alpha)
{
    struct ward *ward = place->ward;
    bool is_up;

    pthread_mutex_lock(&ward->lock);
    guard_error(&ward->guard, is_canary, place->share);
    ward->nr_errors += is_canary;
    ward->nr_first_errors += !is_canary;
    if (ward->slot) {
        ward->slot->guard = ward->guard;
        ward->slot->nr_errors = ward->nr_errors;
        ward->slot->nr_first_errors = ward->nr_first_errors;
    }
    is_up = is_canary && guard_is_up(&ward->guard, alpha);
    pthread_mutex_unlock(&ward->lock);
    return is_up && take_back(ward, WARD_GUARD);
}

struct ward *ward_error(const struct wards *wards, int arm)
{
    if (wards->alpha <= 0)
        return NULL;
    for (int i = 0; i < wards->nr_active; i++) {
        const struct ward_place *place = &wards->list[i];

        if ((arm == 0 || arm == place->arm) && note_error(place, arm != 0, wards->alpha))
            return place->ward;
    }
    return NULL;
}
