/* Copying and counting. */
#include "router/alias_terms.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "router/stickymap.h"

enum { STASH_BYTES = 512 };

static int keep(struct stash *stash, struct str *s)
{
    s->p = stash_copy(stash, *s);
    return s->p ? 0 : -1;
}

static void *copy(struct stash *stash, const void *from, size_t bytes)
{
    void *to = stash_take(stash, bytes);

    if (to)
        memcpy(to, from, bytes);
    return to;
}

static int keep_issue(struct stash *stash, struct alias_source *source)
{
    struct alias_issue *issue = copy(stash, source->issue, sizeof(*issue));

    source->issue = issue;
    return issue && !keep(stash, &issue->path) && !keep(stash, &issue->domain) ? 0 : -1;
}

static int keep_sticky(struct alias_terms *terms, const struct alias_sticky *from)
{
    struct alias_sticky *sticky = copy(&terms->stash, from, sizeof(*from));
    struct alias_source *sources =
        copy(&terms->stash, from->sources, (size_t)from->nr_sources * sizeof(sources[0]));

    if (!sticky || !sources || keep(&terms->stash, &sticky->salt) ||
        keep(&terms->stash, &sticky->namespace_salt))
        return -1;
    for (int i = 0; i < sticky->nr_sources; i++)
        if (keep(&terms->stash, &sources[i].name) ||
            (sources[i].issue && keep_issue(&terms->stash, &sources[i])))
            return -1;
    sticky->sources = sources;
    sticky->seed = stickymap_seed(sticky->salt);
    sticky->namespace_seed = stickymap_seed(sticky->namespace_salt);
    terms->sticky = sticky;
    return 0;
}

static int keep_pin(struct alias_terms *terms, const struct alias_pin *from)
{
    struct alias_pin *pin = copy(&terms->stash, from, sizeof(*from));

    terms->pin = pin;
    return pin && !keep(&terms->stash, &pin->header) && !keep(&terms->stash, &pin->cookie) ? 0 : -1;
}

static int keep_override(struct alias_terms *terms, const struct alias_override *from)
{
    struct alias_override *override = copy(&terms->stash, from, sizeof(*from));

    if (!override || keep(&terms->stash, &override->header))
        return -1;
    terms->override = override;
    if (from->nr_networks == 0)
        return 0;
    override->networks =
        copy(&terms->stash, from->networks, (size_t)from->nr_networks * sizeof(from->networks[0]));
    return override->networks ? 0 : -1;
}

static int keep_measures(struct alias_terms *terms, const struct alias_terms *parts)
{
    if (parts->audit) {
        struct alias_audit *audit = copy(&terms->stash, parts->audit, sizeof(*audit));

        if (!audit || keep(&terms->stash, &audit->header))
            return -1;
        terms->audit = audit;
    }
    if (parts->experiment) {
        struct alias_experiment *experiment =
            copy(&terms->stash, parts->experiment, sizeof(*experiment));

        if (!experiment || keep(&terms->stash, &experiment->outcome_header))
            return -1;
        terms->experiment = experiment;
    }
    return 0;
}

static int keep_limits(struct alias_terms *terms, const struct alias_terms *parts)
{
    if (parts->budget)
        terms->budget = copy(&terms->stash, parts->budget, sizeof(*parts->budget));
    if (parts->guard)
        terms->guard = copy(&terms->stash, parts->guard, sizeof(*parts->guard));
    return !terms->budget == !parts->budget && !terms->guard == !parts->guard ? 0 : -1;
}

struct alias_terms *alias_terms_make(const struct alias_terms *parts)
{
    struct alias_terms *terms = calloc(1, sizeof(*terms));

    if (!terms)
        return NULL;
    atomic_init(&terms->refs, 1);
    terms->stash.block_bytes = STASH_BYTES / 2; /* it doubles: there may be many aliases */
    terms->document = parts->document;
    if (keep(&terms->stash, &terms->document) ||
        (parts->sticky && keep_sticky(terms, parts->sticky)) ||
        (parts->pin && keep_pin(terms, parts->pin)) ||
        (parts->override && keep_override(terms, parts->override)) || keep_measures(terms, parts) ||
        keep_limits(terms, parts))
        alias_terms_unref(&terms);
    return terms;
}

struct alias_terms *alias_terms_ref(const struct alias_terms *terms)
{
    struct alias_terms *counted = (struct alias_terms *)(uintptr_t)terms;

    atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return counted;
}

void alias_terms_unref(struct alias_terms **terms)
{
    struct alias_terms *t = *terms;

    *terms = NULL;
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    stash_fini(&t->stash);
    free(t);
}

bool alias_terms_is_same(const struct alias_terms *a, const struct alias_terms *b)
{
    return a == b || (a && b && str_eq(a->document, b->document));
}
