/* When does an alias keep its study? As long as it asks for the same kind of one. */
#include "router/studied.h"

#include "router/alias_terms.h"

static struct study_wish wish_of(const struct target *target)
{
    const struct alias_terms *terms = target->terms;

    return (struct study_wish){.is_experiment = terms && terms->experiment,
                               .is_audited = terms && terms->audit};
}

int studied_join(struct target *target, const struct target *before)
{
    struct study_wish wish = wish_of(target);
    struct study *old = before ? before->study : NULL;
    bool is_needed = target->nr_arms > 1 || wish.is_experiment || wish.is_audited;

    if (old && study_is_for(old, wish))
        target->study = study_ref(old);
    else if (is_needed)
        target->study = study_make(wish);
    else
        return 0;
    return target->study ? 0 : -1;
}

struct study_period *studied_make_period(struct target *target, int nr_workers)
{
    struct study_arm arms[SPLIT_ARMS_MAX];
    struct study_period *period, *none = NULL;

    if (!target->study)
        return NULL;
    for (int i = 0; i < target->nr_arms; i++)
        arms[i] = (struct study_arm){target->arms[i].version->name,
                                     (double)target->arms[i].weight / SPLIT_ONE};
    period = study_period(target->study, nr_workers, arms, target->nr_arms);
    if (!period || atomic_compare_exchange_strong(&target->period, &none, period))
        return period;
    study_period_unref(&period); /* another thread was faster */
    return none;
}

void studied_leave(struct target *target)
{
    struct study_period *period = atomic_load(&target->period);

    study_period_unref(&period);
    study_unref(&target->study);
}
