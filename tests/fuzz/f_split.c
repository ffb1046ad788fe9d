/* Splits through picks and changes, against whole numbers of billionths. The input is a list of
 * steps:
 *
 *     first byte   number of arms; whether arms may leave and come (then only the accounts are
 *                  checked, not the bounds)
 *     eight bytes  the first place
 *     step byte    2 of 4: that many picks follow; 1 of 4: picks from the predecessor; 1 of 4: a
 *                  change
 *
 * After every step each arm's error is what target minus picks says; an arm without weight is
 * never picked; and where the arms stay the same ones, no error reaches one invocation for up to
 * three of them, and (k - 1)/2 for more. */
#include <stdbool.h>
#include <string.h>

#include "router/split.h"
#include "router/split_account.h"
#include "tests/fuzz/fuzz.h"

enum { ARMS_MAX = 8, CHANGES_MAX = 64, PICKS_MAX = 20000 };

struct input {
    const uint8_t *p, *end;
};

static uint8_t next(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

/* A split and what its errors must be. */
struct account {
    struct split *split;
    struct split_spec spec;
    int64_t errors[ARMS_MAX];
    bool is_counted, is_open, is_closed;
};

struct world {
    struct qsbr *domain;
    int slot, nr_arms, nr_picks, nr_changes;
    bool is_fixed; /* the arms stay the same */
    struct prng rng;
    struct account before, now; /* before.split may be NULL */
};

static void take_over(struct world *world)
{
    for (int i = 0; i < world->now.spec.nr_arms; i++) {
        int from = world->now.spec.from[i];
        world->now.errors[i] = world->before.split && from >= 0 ? world->before.errors[from] : 0;
    }
}

static void check_errors(const struct world *world, const struct account *account)
{
    int64_t errors[SPLIT_ARMS_MAX], sum = 0;
    int64_t bound =
        world->nr_arms <= 3 ? SPLIT_ONE - 1 : (int64_t)SPLIT_ONE * (world->nr_arms - 1) / 2;

    split_account_errors(account->split, errors);
    for (int i = 0; i < account->spec.nr_arms; i++) {
        FUZZ_CHECK(errors[i] == account->errors[i]);
        FUZZ_CHECK(!world->is_fixed || (errors[i] <= bound && errors[i] >= -bound));
        sum += errors[i];
    }
    FUZZ_CHECK(!world->is_fixed || sum == 0);
}

static void pick(struct world *world, struct account *account)
{
    qsbr_online(world->domain, world->slot);
    int arm = split_pick(account->split, &world->rng);
    qsbr_offline(world->domain, world->slot);

    if (account->is_closed && account->is_counted) {
        FUZZ_CHECK(arm == SPLIT_CLOSED);
        return;
    }
    FUZZ_CHECK(arm >= 0 && arm < account->spec.nr_arms && account->spec.weights[arm] > 0);
    if (!account->is_counted)
        return;
    for (int i = 0; i < account->spec.nr_arms; i++)
        account->errors[i] += account->spec.weights[i];
    account->errors[arm] -= SPLIT_ONE;
}

/* The predecessor counts no more. */
static void opened(struct world *world)
{
    if (world->now.is_open)
        return;
    take_over(world);
    world->now.is_open = true;
    world->before.is_closed = true;
}

static void pick_now(struct world *world, int nr)
{
    for (int i = 0; i < nr && world->nr_picks < PICKS_MAX; i++, world->nr_picks++) {
        if (world->now.is_counted) /* else a pick opens nothing */
            opened(world);
        pick(world, &world->now);
        if (!world->now.is_open)
            take_over(world);
        check_errors(world, &world->now);
    }
}

static void pick_before(struct world *world, int nr)
{
    if (!world->before.split)
        return;
    for (int i = 0; i < nr && world->nr_picks < PICKS_MAX; i++, world->nr_picks++)
        pick(world, &world->before);
    if (!world->now.is_open)
        take_over(world);
    check_errors(world, &world->now);
}

/* Weights from bytes, so that most patterns can occur: none, equal, tiny, nearly all. */
static void choose_weights(struct input *in, struct split_spec *spec)
{
    static const uint32_t shares[] = {0, 1, 7, 1000, 333333333, 500000000, 50000000, 999999999};
    uint32_t left = SPLIT_ONE;

    for (int i = 0; i + 1 < spec->nr_arms; i++) {
        uint8_t b = next(in);
        uint32_t share = b < 128 ? shares[b % 8] : (uint32_t)(b - 127) * 7812500u;
        spec->weights[i] = share < left ? share : left;
        left -= spec->weights[i];
    }
    spec->weights[spec->nr_arms - 1] = left;
}

static void choose_arms(struct world *world, struct input *in, struct split_spec *spec)
{
    uint8_t b = next(in);
    bool is_taken[ARMS_MAX] = {false};

    spec->nr_arms = world->is_fixed ? world->nr_arms : 1 + b % ARMS_MAX;
    for (int i = 0; i < spec->nr_arms; i++) {
        int from = world->is_fixed ? i : next(in) % (ARMS_MAX + 1) - 1;
        bool is_usable = from >= 0 && from < world->now.spec.nr_arms && !is_taken[from];
        spec->from[i] = (int16_t)(is_usable ? from : -1);
        if (is_usable)
            is_taken[from] = true;
    }
}

static bool is_counted(const struct split_spec *spec)
{
    int nr_weighty = 0;

    for (int i = 0; i < spec->nr_arms; i++)
        nr_weighty += spec->weights[i] > 0;
    return spec->mode == SPLIT_EXACT && nr_weighty > 1;
}

/* A new split in place of the present one, opened at once or by its first pick. */
static void change(struct world *world, struct input *in)
{
    struct account next_one = {0};
    uint8_t b = next(in);

    if (++world->nr_changes > CHANGES_MAX)
        return;
    if (!world->now.is_open && world->before.split)
        take_over(world);
    next_one.spec.mode = b & 16 ? SPLIT_RANDOM : SPLIT_EXACT;
    choose_arms(world, in, &next_one.spec);
    choose_weights(in, &next_one.spec);
    next_one.spec.place = (uint64_t)b << 56 | world->now.spec.place >> 3;
    next_one.is_counted = is_counted(&next_one.spec);
    next_one.split = split_make(world->domain, &next_one.spec, world->now.split);
    FUZZ_CHECK(next_one.split);
    if (world->before.split)
        split_unref(&world->before.split);
    world->before = world->now;
    world->now = next_one;
    take_over(world);
    if (b & 32) {
        FUZZ_CHECK(split_open(world->now.split) == 0);
        opened(world);
    }
    check_errors(world, &world->now);
    if (b & 64)
        qsbr_reclaim(world->domain);
}

static void begin(struct world *world, struct input *in)
{
    uint8_t b = next(in);

    memset(world, 0, sizeof(*world));
    prng_seed(&world->rng, 1);
    world->domain = qsbr_make();
    FUZZ_CHECK(world->domain);
    world->slot = qsbr_register(world->domain);
    FUZZ_CHECK(world->slot >= 0);
    world->nr_arms = 1 + b % ARMS_MAX;
    world->is_fixed = !(b & 64);
    world->now.spec.nr_arms = world->nr_arms;
    for (int i = 0; i < 8; i++)
        world->now.spec.place = world->now.spec.place << 8 | next(in);
    choose_weights(in, &world->now.spec);
    world->now.is_counted = is_counted(&world->now.spec);
    world->now.split = split_make(world->domain, &world->now.spec, NULL);
    FUZZ_CHECK(world->now.split);
}

static void end(struct world *world)
{
    if (world->before.split)
        split_unref(&world->before.split);
    split_unref(&world->now.split);
    for (int i = 0; i < 2 * CHANGES_MAX && qsbr_reclaim(world->domain) > 0; i++)
        continue;
    FUZZ_CHECK(qsbr_reclaim(world->domain) == 0);
    qsbr_unregister(world->domain, world->slot);
    qsbr_free(&world->domain);
}

int fuzz_split(const uint8_t *data, size_t n)
{
    static struct world world;
    struct input in = {data, data + n};

    begin(&world, &in);
    while (in.p < in.end) {
        uint8_t step = next(&in);
        switch (step % 4) {
        case 0:
        case 1:
            pick_now(&world, step / 4 + 1);
            break;
        case 2:
            pick_before(&world, step / 32 + 1);
            break;
        default:
            change(&world, &in);
            break;
        }
    }
    end(&world);
    return 0;
}
