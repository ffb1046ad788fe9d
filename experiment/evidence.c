/* Starts, stakes and the purse. */
#include "experiment/evidence.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "experiment/evalue.h"

void evidence_init(struct evidence *e)
{
    LIST_INIT(&e->periods);
    e->nr_blocks = 1;
    e->nr_ended = e->nr_at_start = 0;
    e->nr_starts = 1;
    e->starts[0] = (struct evidence_start){.log_stake = -M_LN2};
    e->log_purse = -M_LN2;
}

static double *base_of(const struct evidence_period *p, int slot)
{
    return p->base + (size_t)slot * (size_t)p->nr;
}

static double log_since(const struct evidence_period *p, int slot)
{
    const double *base = base_of(p, slot);

    for (int i = 0; i < p->nr; i++)
        p->since[i] = p->counts[i] - base[i];
    return evalue_log(p->since, p->shares, p->nr);
}

static double log_worth(const struct evidence *e, const struct evidence_start *start)
{
    const struct evidence_period *p;
    double sum = start->log_stake;

    LIST_FOREACH(p, &e->periods, link)
    sum += log_since(p, start->slot);
    return sum;
}

static double sum_of(const struct evidence_period *p)
{
    double sum = 0;

    for (int i = 0; i < p->nr; i++)
        sum += p->counts[i];
    return sum;
}

static double count_all(const struct evidence *e)
{
    const struct evidence_period *p;
    double sum = e->nr_ended;

    LIST_FOREACH(p, &e->periods, link)
    sum += sum_of(p);
    return sum;
}

void evidence_add(struct evidence *e, struct evidence_period *period)
{
    memset(period->base, 0, EVIDENCE_STARTS * (size_t)period->nr * sizeof(period->base[0]));
    LIST_INSERT_HEAD(&e->periods, period, link);
}

void evidence_end(struct evidence *e, struct evidence_period *period)
{
    for (int i = 0; i < e->nr_starts; i++)
        e->starts[i].log_stake += log_since(period, e->starts[i].slot);
    e->nr_ended += sum_of(period);
    LIST_REMOVE(period, link);
}

/* ---- Starts ---------------------------------------------------------------------------------- */

/* The one that is missed least: its neighbours' ages are nearest to each other. The first stays. */
static int find_dispensable(const struct evidence *e)
{
    double least = INFINITY;
    int found = 1;

    for (int i = 1; i < e->nr_starts; i++) {
        double older = (double)(e->nr_blocks - e->starts[i - 1].block);
        double newer = i + 1 < e->nr_starts ? (double)(e->nr_blocks - e->starts[i + 1].block) : 0.5;

        if (older / newer < least) {
            least = older / newer;
            found = i;
        }
    }
    return found;
}

/* Its slot. */
static int give_up_one(struct evidence *e)
{
    int i = find_dispensable(e), slot = e->starts[i].slot;

    e->log_purse = evalue_log_add(e->log_purse, log_worth(e, &e->starts[i]));
    e->nr_starts--;
    memmove(&e->starts[i], &e->starts[i + 1], (size_t)(e->nr_starts - i) * sizeof(e->starts[0]));
    return slot;
}

/* 1/(j log^2 j): the sum over all blocks is finite. */
static double part_of_block(uint64_t block)
{
    double j = (double)block, l = log(j + M_E);

    return 1 / ((j + 1) * l * l);
}

static void begin_start(struct evidence *e)
{
    int slot = e->nr_starts == EVIDENCE_STARTS ? give_up_one(e) : e->nr_starts;
    double part = part_of_block(e->nr_blocks);
    struct evidence_period *p;

    LIST_FOREACH(p, &e->periods, link)
    memcpy(base_of(p, slot), p->counts, (size_t)p->nr * sizeof(p->counts[0]));
    e->starts[e->nr_starts++] = (struct evidence_start){
        .block = e->nr_blocks, .slot = slot, .log_stake = e->log_purse + log(part)};
    e->log_purse += log1p(-part);
    e->nr_blocks++;
}

void evidence_turn(struct evidence *e)
{
    double now = count_all(e);

    if (now < e->nr_at_start + EVIDENCE_BLOCK)
        return;
    begin_start(e);
    e->nr_at_start = now;
}

double evidence_log(const struct evidence *e)
{
    double sum = e->log_purse;

    for (int i = 0; i < e->nr_starts; i++)
        sum = evalue_log_add(sum, log_worth(e, &e->starts[i]));
    return sum;
}

void evidence_forget(struct evidence *e)
{
    struct evidence fresh;
    struct evidence_period *p;

    evidence_init(&fresh);
    fresh.periods = e->periods;
    *e = fresh;
    if (!LIST_EMPTY(&e->periods)) /* which the first one names */
        LIST_FIRST(&e->periods)->link.le_prev = &LIST_FIRST(&e->periods);
    LIST_FOREACH(p, &e->periods, link)
    memcpy(base_of(p, 0), p->counts, (size_t)p->nr * sizeof(p->counts[0]));
    e->nr_at_start = count_all(e);
}
