/* The life of a split: who may draw, who makes the next segment, and how one split hands over to
 * the next, all without locks. The arithmetic is segment.c's.
 *
 *     not open --(first pick, or split_open)--> segment, segment, ... segment --(*)--> closed
 *        \---------------------------(nothing drawn)---------------------------(*)--> closed
 *
 *     (*) the successor's first pick, or split_open
 *
 * A segment's ticket word counts its tickets. Whoever draws one past its end makes the next
 * segment, which starts with the errors this one ends with; several may do so at once, they all get
 * the same, and the first puts its copy in place.
 *
 * To close a split is to swing the bit CLOSED into the ticket word of a segment that still has
 * tickets. Such a segment is the current one (only an exhausted one is succeeded) and stays it for
 * ever. The same swing moves the number of tickets drawn to the upper half of the word, where what
 * late drawers add to the lower half does not reach it. So anyone who comes later reads the same
 * number, works out the same errors, and any number of threads can open the successor at the same
 * time.
 *
 * Most aliases of a large table are seldom drawn from. One that never was costs no segment, neither
 * itself nor when it is replaced: it is closed by a segment that all such splits share, and its
 * successor starts afresh. */
#include "router/split_standing.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Nobody draws from it any more. */
static void end_segment(struct segment *segment)
{
    if (segment->entry)
        logbook_release(segment->logbook, &segment->entry);
    free(segment);
}

static void free_segment(struct qsbr_node *node)
{
    end_segment((struct segment *)((char *)node - offsetof(struct segment, retired)));
}

static void free_split(struct qsbr_node *node)
{
    struct split *split = (struct split *)((char *)node - offsetof(struct split, retired));
    struct split *previous = atomic_load(&split->previous);
    struct segment *current = atomic_load(&split->current);

    split_unref(&previous);
    if (current && current != &split_standing_nothing_drawn)
        end_segment(current);
    free(split->kept);
    free(split);
}

struct split *split_ref(struct split *split)
{
    atomic_fetch_add_explicit(&split->refs, 1, memory_order_relaxed);
    return split;
}

void split_unref(struct split **split)
{
    struct split *s = *split;

    *split = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    qsbr_retire(s->domain, &s->retired, free_split);
}

/* ---- Beyond the process' end ----------------------------------------------------------------- */

/* Without an entry a line is short, so that there is another chance of one soon. */
enum { TICKETS_WITHOUT_ENTRY = 65536 };

/* 0, or -1 when out of memory. */
static int keep(struct split *split, const struct split_spec *spec)
{
    size_t bytes = (size_t)spec->nr_arms * sizeof(spec->versions[0]);

    if (!spec->logbook)
        return 0;
    split->kept = malloc(sizeof(*split->kept) + bytes);
    if (!split->kept)
        return -1;
    split->kept->logbook = spec->logbook;
    split->kept->key = spec->key;
    split->kept->heir_of = spec->heir_of;
    memcpy(split->kept->versions, spec->versions, bytes);
    return 0;
}

/* Writes down how the segment begins. Called before anybody can draw from it. */
static void keep_segment(const struct split *split, struct segment *segment, uint32_t serial)
{
    const struct split_kept *kept = split->kept;
    struct logbook_entry as = {.place = segment->made_with,
                               .nr_tickets = segment->nr_tickets,
                               .serial = serial,
                               .nr_arms = segment->nr_arms,
                               .flags = segment->flags};

    segment->serial = serial;
    if (!kept)
        return;
    as.key = kept->key;
    atomic_init(&as.ticket, atomic_load_explicit(&segment->own_ticket, memory_order_relaxed));
    segment->logbook = kept->logbook;
    segment->entry = logbook_write(
        kept->logbook, &as,
        &(struct logbook_arrays){segment->errors, kept->versions, segment->counts, split->weights});
    if (segment->entry)
        segment->ticket = &segment->entry->ticket;
    else if (segment->nr_tickets > TICKETS_WITHOUT_ENTRY)
        segment->nr_tickets = TICKETS_WITHOUT_ENTRY;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static enum split_kind kind_of(const struct split_spec *spec)
{
    int nr_weighty = 0;

    for (int i = 0; i < spec->nr_arms; i++)
        nr_weighty += spec->weights[i] > 0;
    if (nr_weighty == 1)
        return SPLIT_KIND_SINGLE;
    return spec->mode == SPLIT_RANDOM ? SPLIT_KIND_CHANCE : SPLIT_KIND_COUNTED;
}

struct split *split_make(struct qsbr *domain, const struct split_spec *spec, struct split *previous)
{
    size_t nr = (size_t)spec->nr_arms;
    struct split *split;
    uint64_t sum = 0;

    assert(spec->nr_arms >= 1 && spec->nr_arms <= SPLIT_ARMS_MAX);
    split = calloc(1, sizeof(*split) + nr * (sizeof(spec->weights[0]) + sizeof(spec->from[0])));
    if (!split)
        return NULL;
    split->kind = kind_of(spec);
    split->nr_arms = (uint8_t)nr;
    split->flags = (uint8_t)((split->kind == SPLIT_KIND_COUNTED ? SEGMENT_COUNTED : 0) |
                             (spec->is_spread ? SEGMENT_SPREAD : 0));
    split->domain = domain;
    split->place = spec->place;
    split->from = (int16_t *)(split->weights + nr);
    memcpy(split->weights, spec->weights, nr * sizeof(spec->weights[0]));
    assert(!previous || !spec->logbook || spec->heir_of == LOGBOOK_NONE);
    for (size_t i = 0; i < nr; i++) {
        assert(!previous || spec->from[i] < (int)previous->nr_arms);
        split->from[i] = previous ? spec->from[i] : -1;
        if (spec->weights[i] > 0)
            split->single = (uint8_t)i;
        sum += spec->weights[i];
    }
    assert(sum == SPLIT_ONE);
    atomic_init(&split->current, NULL);
    if (keep(split, spec) < 0) {
        free(split);
        return NULL;
    }
    atomic_init(&split->refs, 1);
    atomic_init(&split->previous, previous ? split_ref(previous) : NULL);
    return split;
}

/* ---- From segment to segment ----------------------------------------------------------------- */

/* Up to a limit each segment is twice as long as the one before, so that rare aliases stay small
 * and busy ones seldom pause. With many arms the limit is lower, as a ticket then takes longer to
 * work out (20 ns with 3 arms, 300 ns with 16): it is about a fifth of a millisecond a segment. */
static uint32_t length_after(const struct split *split, const struct segment *segment)
{
    uint32_t most = 131072u / ((uint32_t)split->nr_arms * split->nr_arms);
    uint32_t next = segment->nr_tickets * 2;

    if (most > SEGMENT_LAST_TICKETS)
        most = SEGMENT_LAST_TICKETS;
    return next < most ? next : most;
}

/* Puts the next segment in place of an exhausted one, unless another thread has. */
static int advance(struct split *split, struct segment *segment)
{
    struct segment *next;

    if (atomic_load_explicit(&split->current, memory_order_acquire) != segment)
        return 0;
    next = segment_next(segment, split->weights, length_after(split, segment));
    if (!next)
        return SPLIT_NO_MEMORY;
    next->nr_before = segment->nr_before + segment->nr_tickets;
    keep_segment(split, next, segment->serial + 1);
    if (atomic_compare_exchange_strong(&split->current, &segment, next))
        qsbr_retire(split->domain, &segment->retired, free_segment);
    else
        end_segment(next);
    return 0;
}

/* ---- From split to split --------------------------------------------------------------------- */

/* What a split goes on from. */
struct ending {
    struct split_standing standing;
    uint64_t place;
    uint32_t serial;     /* of the last segment */
    uint64_t nr_tickets; /* drawn from it and its predecessors */
};

/* Closes a split that is open, if nobody has, and tells how it ended. (Not one that ended with
 * nothing drawn.) */
static int close_split(struct split *split, struct ending *ending)
{
    for (;;) {
        struct segment *segment = atomic_load_explicit(&split->current, memory_order_acquire);
        uint64_t word = atomic_load(segment->ticket);

        if (split->kind == SPLIT_KIND_COUNTED && !(word & SPLIT_CLOSED_BIT)) {
            if (word >= segment->nr_tickets) {
                int r = advance(split, segment);

                if (r)
                    return r;
                continue;
            }
            if (!atomic_compare_exchange_strong(segment->ticket, &word,
                                                SPLIT_CLOSED_BIT | word << SPLIT_DRAWN_SHIFT) &&
                !(word & SPLIT_CLOSED_BIT))
                continue;
            word = atomic_load(segment->ticket);
        }
        split_standing_read(segment, split->weights, split_nr_drawn(segment, word),
                            &ending->standing);
        ending->place = segment->place;
        ending->serial = segment->serial;
        ending->nr_tickets = segment->nr_before;
        if (split->kind == SPLIT_KIND_COUNTED)
            ending->nr_tickets += split_nr_drawn(segment, word);
        return 0;
    }
}

/* A place is for the arms that it came about with. Others get one that has nothing to do with what
 * their errors are. That of a member of a fleet stays. */
static uint64_t take_over_place(const struct split *split, const int16_t *from, uint64_t place)
{
    struct prng rng;

    if (split->flags & SEGMENT_SPREAD)
        return split->place;
    for (int i = 0; i < split->nr_arms; i++)
        if (from[i] != i) {
            prng_seed(&rng, place);
            return prng_next(&rng);
        }
    return place;
}

static bool is_open(const struct split *split)
{
    return atomic_load_explicit(&split->current, memory_order_acquire) != NULL;
}

/* Ends the reference to the predecessor. Whoever still reads it does so under the protection of the
 * domain. */
static void let_go(struct split *split)
{
    struct split *previous = atomic_exchange(&split->previous, NULL);

    split_unref(&previous);
}

/* Puts a first segment into a split that is not open, unless another thread has: true. */
static bool put_first(struct split *split, struct segment *first, uint32_t serial)
{
    struct segment *none = NULL;

    keep_segment(split, first, serial);
    if (atomic_compare_exchange_strong(&split->current, &none, first))
        return true;
    end_segment(first);
    return false;
}

static bool is_owed(const struct split *split, const struct split_standing *standing)
{
    for (int i = 0; i < split->nr_arms; i++)
        if (standing->errors[i] != 0)
            return true;
    return false;
}

static struct segment *make_first(const struct split *split, const struct split_standing *standing,
                                  uint64_t place)
{
    unsigned flags = split->flags;
    struct segment *first;

    if (flags & SEGMENT_SPREAD && is_owed(split, standing))
        flags |= SEGMENT_DISTURBED;
    first = segment_make(split->weights, split->nr_arms, standing->errors, place,
                         SEGMENT_FIRST_TICKETS, flags);
    if (first && first->counts)
        memcpy(first->counts, standing->counts, split->nr_arms * sizeof(first->counts[0]));
    return first;
}

/* Gives a split that is not open its first segment, unless another thread has. */
static int start(struct split *split, const struct split_standing *standing, uint64_t place,
                 uint32_t serial, uint64_t nr_before)
{
    struct segment *first = make_first(split, standing, place);

    if (!first)
        return SPLIT_NO_MEMORY;
    first->nr_before = nr_before;
    atomic_store_explicit(&split->nr_before, nr_before,
                          memory_order_relaxed); /* all say the same */
    (void)put_first(split, first, serial);
    return 0;
}

/* Takes over from a predecessor that is open. */
static int succeed(struct split *split, struct split *previous)
{
    struct split_standing standing;
    struct ending ending;
    int r;

    if (atomic_load(&previous->current) != &split_standing_nothing_drawn) {
        r = close_split(previous, &ending);
        if (r)
            return r;
        split_standing_take_over(split, split->from, &ending.standing, &standing);
        r = start(split, &standing, take_over_place(split, split->from, ending.place),
                  ending.serial + 1, ending.nr_tickets);
        if (r)
            return r;
    }
    let_go(split);
    return 0;
}

/* ---- From process to process ----------------------------------------------------------------- */

/* Has the same order as the split. */
static bool goes_on(const struct split *split, const struct logbook_entry *left,
                    const int16_t *from)
{
    if (left->nr_arms != split->nr_arms || !(left->flags & SEGMENT_COUNTED) ||
        (left->flags & ~SEGMENT_DISTURBED) != split->flags)
        return false;
    for (int i = 0; i < split->nr_arms; i++)
        if (from[i] != i || logbook_weights(left)[i] != split->weights[i])
            return false;
    return true;
}

/* As start, of a split that continues what a process before this one left. */
static int inherit(struct split *split)
{
    const struct logbook_entry *left = split_left_to(split);
    struct split_standing standing;
    int16_t from[SPLIT_ARMS_MAX];
    struct segment *first;
    uint64_t place;

    split_standing_find_arms(split, left, from);
    if (goes_on(split, left, from)) {
        first = split_standing_restore(left);
        if (first)
            atomic_init(&first->own_ticket, split_nr_drawn(first, atomic_load(&left->ticket)));
    } else {
        if (split_standing_of_left(split, from, &standing, &place))
            return SPLIT_NO_MEMORY;
        first = make_first(split, &standing, take_over_place(split, from, place));
    }
    if (!first)
        return SPLIT_NO_MEMORY;
    if (put_first(split, first, left->serial + 1))
        logbook_retire(split->kept->logbook, split->kept->heir_of);
    return 0;
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* After it the split is open, or fresh: not open, without predecessor, nothing drawn, or nothing
 * since a process before this one ended. Predecessors
 * that never came to be opened have their turn first, the oldest before the others; each turn of
 * the loop is one step of one of them. */
int split_open(struct split *split)
{
    while (!is_open(split)) {
        struct split *oldest = split;
        struct split *previous = atomic_load(&oldest->previous);
        struct segment *none = NULL;
        int r;

        while (previous && !is_open(previous)) {
            oldest = previous;
            previous = atomic_load(&oldest->previous);
        }
        if (previous) {
            r = succeed(oldest, previous);
            if (r)
                return r;
        } else if (oldest != split && split_is_heir(oldest)) {
            r = inherit(oldest);
            if (r)
                return r;
        } else if (oldest != split) {
            /* It is fresh, or another thread has just opened it and let go of its predecessor. */
            atomic_compare_exchange_strong(&oldest->current, &none, &split_standing_nothing_drawn);
        } else {
            return 0;
        }
    }
    return 0;
}

/* For the first draw. */
static int open_to_draw(struct split *split)
{
    const struct split_standing nothing = {{0}, {0}};
    int r = split_open(split);

    if (r || is_open(split))
        return r;
    if (split_is_heir(split))
        return inherit(split);
    return start(split, &nothing, split->place,
                 split->kept ? logbook_first_serial(split->kept->logbook) : 1, 0);
}

uint64_t split_first_ticket(const struct split *split)
{
    return atomic_load_explicit(&split->nr_before, memory_order_relaxed);
}

/* ---- Picks ----------------------------------------------------------------------------------- */

static int throw_dice(const struct split *split, struct prng *rng)
{
    uint32_t point = prng_below(rng, SPLIT_ONE);
    int i = 0;

    while (point >= split->weights[i])
        point -= split->weights[i++];
    return i;
}

static int draw_ticket(struct split *split)
{
    for (;;) {
        struct segment *segment = atomic_load_explicit(&split->current, memory_order_acquire);
        uint64_t t;
        int r;

        if (segment) {
            /* Release and acquire: who sees CLOSED must then see the table that the closer saw. */
            t = atomic_fetch_add_explicit(segment->ticket, 1, memory_order_acq_rel);
            if (t < segment->nr_tickets)
                return segment_arm(segment, (uint32_t)t);
            if (t & SPLIT_CLOSED_BIT) {
                /* Undone, so that no number of late drawers reaches the upper half. */
                atomic_fetch_sub_explicit(segment->ticket, 1, memory_order_relaxed);
                return SPLIT_CLOSED;
            }
            r = advance(split, segment);
        } else {
            r = open_to_draw(split);
        }
        if (r)
            return r;
    }
}

int split_pick(struct split *split, struct prng *rng)
{
    switch (split->kind) {
    case SPLIT_KIND_SINGLE:
        return split->single;
    case SPLIT_KIND_CHANCE:
        return throw_dice(split, rng);
    case SPLIT_KIND_COUNTED:
    default:
        return draw_ticket(split);
    }
}
