/* Slots of one size; what a slot says is written before its state. */
#include "control/execution_draws.h"

#include <stdatomic.h>
#include <string.h>

enum { FREE, OPEN, SPARE };
enum { MACHINE_MAX = 336, ALIAS_MAX = 104, VERSION_MAX = 24 };

struct execution_draw {
    _Atomic uint32_t state;
    uint32_t unused;
    uint64_t key;
    char machine[MACHINE_MAX], alias[ALIAS_MAX], version[VERSION_MAX]; /* terminated */
};

_Static_assert(sizeof(struct execution_draw) <= EXECUTION_DRAWS_SLOT, "a draw has its slot");

static struct execution_draw *slot(const struct execution_draws *d, int i)
{
    return (struct execution_draw *)(void *)((char *)d->slots + (size_t)i * EXECUTION_DRAWS_SLOT);
}

static void set(struct execution_draw *draw, uint32_t state)
{
    atomic_store_explicit(&draw->state, state, memory_order_release);
}

/* What was read from a file is terminated whatever it is. */
static void terminate(struct execution_draw *draw)
{
    draw->machine[MACHINE_MAX - 1] = '\0';
    draw->alias[ALIAS_MAX - 1] = '\0';
    draw->version[VERSION_MAX - 1] = '\0';
}

void execution_draws_init(struct execution_draws *d, void *memory)
{
    *d = (struct execution_draws){.slots = memory};
}

void execution_draws_settle(struct execution_draws *d,
                            bool (*is_there)(void *context, uint64_t key), void *context)
{
    for (int i = 0; d->slots && i < EXECUTION_DRAWS_SLOTS; i++) {
        struct execution_draw *draw = slot(d, i);

        terminate(draw);
        if (draw->state == FREE)
            continue;
        if (draw->state != SPARE && is_there(context, draw->key)) {
            set(draw, FREE);
            continue;
        }
        set(draw, SPARE);
        d->nr_spare++;
    }
}

static bool put(char *out, size_t room, struct str text)
{
    if (text.n >= room)
        return false;
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

struct execution_draw *execution_draws_open(struct execution_draws *d, const char *machine,
                                            struct str alias, struct str version, uint64_t key)
{
    for (int i = 0; d->slots && i < EXECUTION_DRAWS_SLOTS; i++) {
        struct execution_draw *draw = slot(d, d->next);

        d->next = (d->next + 1) % EXECUTION_DRAWS_SLOTS;
        if (draw->state != FREE)
            continue;
        if (!put(draw->machine, MACHINE_MAX, str_of(machine)) ||
            !put(draw->alias, ALIAS_MAX, alias) || !put(draw->version, VERSION_MAX, version))
            return NULL;
        draw->key = key;
        set(draw, OPEN);
        return draw;
    }
    return NULL;
}

void execution_draws_close(struct execution_draws *d, struct execution_draw **draw)
{
    (void)d;
    if (*draw)
        set(*draw, FREE);
    *draw = NULL;
}

void execution_draws_spare(struct execution_draws *d, struct execution_draw **draw)
{
    if (*draw) {
        set(*draw, SPARE);
        d->nr_spare++;
    }
    *draw = NULL;
}

/* The arm of this version, if it gets any; -1. */
static int arm_of(const struct target *target, const char *version)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (target->arms[i].weight > 0 && str_eq(target->arms[i].version->name, str_of(version)))
            return i;
    return -1;
}

int execution_draws_take(struct execution_draws *d, const char *machine,
                         const struct target *target, uint64_t key, struct execution_draw **out)
{
    for (int i = 0; d->nr_spare > 0 && i < EXECUTION_DRAWS_SLOTS; i++) {
        struct execution_draw *draw = slot(d, i);
        int arm;

        if (draw->state != SPARE || strcmp(draw->machine, machine) != 0 ||
            !str_eq(str_of(draw->alias), target->alias))
            continue;
        d->nr_spare--;
        arm = arm_of(target, draw->version);
        if (arm < 0) { /* the alias has moved on */
            set(draw, FREE);
            continue;
        }
        draw->key = key;
        set(draw, OPEN);
        *out = draw;
        return arm;
    }
    return -1;
}
