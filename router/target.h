/* Making targets and handing their splits on; what a target is stands in router/model.h. Whatever
 * thread makes the table that it is for. */
#ifndef WEIR_ROUTER_TARGET_H
#define WEIR_ROUTER_TARGET_H

#include <stdbool.h>

#include "base/stash.h"
#include "router/model.h"
#include "router/registry.h"

/* With one reference for the caller, no split and no arms yet. alias and description are copied.
 * stash: where its memory comes from, and stays until that ends; NULL: the heap. NULL when out of
 * memory. */
struct target *target_make(struct stash *stash, struct function *function, struct str alias,
                           struct str description, enum split_mode mode, bool is_failover,
                           int nr_arms);

/* Sets what the alias has of terms, and the maps to begin with, by what a document or an alias in
 * force says of them; a sticky split gets its map with target_join. */
void target_set_terms(struct target *target, const struct alias_terms *terms,
                      const struct stickymap *said, const struct stickymap *in_force);

/* Fills the arm in; it has no series yet. */
void target_set_arm(struct target *target, int i, struct version *version, uint32_t weight);

/* The number of the arm's counters, which it gets now if it has none. REGISTRY_NO_SERIES when out
 * of memory. Any thread, several at a time. */
uint32_t target_series(const struct target *target, struct arm *arm, struct registry *registry);

/* Gives a sticky split its map: the one to begin with, edited to fit the weights. That is the
 * one in force, if target_set_terms was given it, else what the document says, else its
 * predecessor's, else the weights in a row. Then gives the alias its split: that of its
 * predecessor (NULL: none), if both are alike, else one of its own that takes over the
 * predecessor's errors. Those of the versions that it no longer has are kept too, for the 16
 * that left last, while the function has them: a version that comes back finds its error as it
 * was. A split without predecessor begins at a place of the registry's. Call it once, when all
 * arms are set. *is_replacement: the split is to be opened in the predecessor's place. The study
 * comes along (router/studied.h). 0, or -1 when out of memory. */
int target_join(struct target *target, const struct target *before, struct registry *registry,
                bool *is_replacement) __attribute__((warn_unused_result));

/* Do both say the same (versions in order, weights, mode, description, on_unavailable, terms)? Maps
 * that weir made are not said. */
bool target_says_same(const struct target *a, const struct target *b);

/* Dates an alias whose arms are set: its predecessor's date, if both say the same, else this
 * generation. */
void target_set_since(struct target *target, const struct target *before, uint64_t generation);

struct target *target_ref(struct target *target);
/* Ends the reference and clears the pointer; the last one frees at once. */
void target_unref(struct target **target, struct registry *registry);

/* Is this what (function, qualifier) names? */
static inline bool target_is(const struct target *target, struct str function, struct str qualifier)
{
    struct str name = target->alias.n > 0 ? target->alias : target->arms[0].version->name;

    return str_eq(name, qualifier) && str_eq(target->function->name, function);
}

#endif
