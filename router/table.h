/* The table: all functions, versions, aliases and routes of one generation, frozen when built, and
 * its two look-ups.
 *
 *     route (host, path) -------\
 *                                >-- target (an alias or one version)
 *     (function, qualifier) ----/         \-- pick --> arm: version + series
 *                                                             \-- endpoint --> origin
 *
 * A table is built and frozen on one thread (router/builder.h) and from then on read by every
 * worker without locks. It is reference counted; the last reference is given back through the
 * qsbr domain so that a worker never pays for freeing a large table. What outlives tables is shared
 * between them by reference: splits (their tickets), origins (their connection pools), health,
 * gauges and series numbers (their counters). What a table points to is valid while a reference is
 * held.
 *
 * A change of one alias does not rebuild anything: table_with_alias copies only the way to that
 * target. */
#ifndef WEIR_ROUTER_TABLE_H
#define WEIR_ROUTER_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/qsbr.h"
#include "base/str.h"
#include "router/model.h"

/* functions, versions, routes and their indexes; shared by tables that differ in weights alone */
struct skeleton;

/* Targets are kept in leaves of a fixed size, so that a table with one other target shares all
 * leaves but one. */
enum { TABLE_LEAF_TARGETS = 256 };

struct table_leaf {
    _Atomic uint32_t refs;
    struct target *targets[TABLE_LEAF_TARGETS];
};

struct table {
    _Atomic uint32_t refs;
    struct qsbr_node retired;
    /* The control thread may give the table in force another number, that of a fleet's store. */
    _Atomic uint64_t generation; /* 1 for the first table put in force; a fleet's: the store's */
    uint64_t serial;             /* counts the tables that this process has put in force */
    struct skeleton *skeleton;
    uint32_t nr_targets;
    uint32_t nr_changed;        /* targets whose split replaces another: what table_open opens */
    uint32_t *changed;          /* their indexes */
    struct table_leaf **leaves; /* read through table_target */
};

/* ---- Reading: any thread that holds a reference ---------------------------------------------- */

/* What (function, qualifier) names, or NULL. An empty qualifier means $LATEST. *knows_function, if
 * not NULL, says whether the function exists at all, for the error text. */
struct target *table_find(const struct table *table, struct str function, struct str qualifier,
                          bool *knows_function);

/* The most specific of the routes that match a request: exact host before the longest "*.suffix"
 * before any host, then the longest path prefix that ends on a segment boundary ("/a" matches "/a"
 * and "/a/b", not "/ab"; "/a/" matches "/a/" and "/a/b", not "/a"; "/" matches all). host comes
 * without port, in any case; path without query, compared byte by byte. NULL where none matches. */
const struct route *table_route(const struct table *table, struct str host, struct str path);

static inline struct target *table_target(const struct table *table, uint32_t index)
{
    return table->leaves[index / TABLE_LEAF_TARGETS]->targets[index % TABLE_LEAF_TARGETS];
}

/* The function's targets stand side by side, its versions first: the index of the first, and how
 * many there are. */
uint32_t table_targets_of(const struct table *table, const struct function *function, uint32_t *nr);

/* The function of this name, or NULL. */
struct function *table_function(const struct table *table, struct str name);

/* For listings: all functions and routes, in document order. Versions hang on the function; aliases
 * are the targets with a non-empty alias name. */
int table_functions(const struct table *table, struct function *const **functions);
int table_routes(const struct table *table, const struct route **routes);
/* The functions that have URLs; *serial is a number that changes whenever they may have changed. */
int table_url_functions(const struct table *table, struct function *const **functions,
                        uint64_t *serial);
/* What a section says, a JSON object with sorted keys; "{}" where it says nothing. */
const char *table_section(const struct table *table, enum model_section section);

/* The versions that may fail, because their endpoints have health checks or ejection. */
int table_watched(const struct table *table, struct version *const **versions);

/* The number of an arm's counters, which it gets with its first use. REGISTRY_NO_SERIES when out of
 * memory. */
uint32_t table_series(const struct table *table, const struct target *target, struct arm *arm);

/* Gives the arm of this name a number that an earlier table's had, with a reference to it, unless
 * the table has no such arm or it has a number: then false, and the reference stays yours. */
bool table_keep_series(const struct table *table, struct str function, struct str alias,
                       struct str version, uint32_t series);

/* For whoever already holds a reference, or finds the table where a reference is held as long as it
 * is found there (under a lock, say). */
struct table *table_ref(struct table *table);
/* Ends the reference and clears the pointer; any thread. The table is freed later, by
 * qsbr_reclaim. */
void table_unref(struct table **table);

/* ---- Changing: one thread at a time, which may be another than the one that builds a table --- */

struct arm_spec {
    struct str version;
    uint32_t weight; /* billionths */
};

/* All that a document says of an alias. */
struct alias_spec {
    struct str name;
    struct str description;
    enum split_mode mode;
    bool is_failover;
    int nr_arms;
    const struct arm_spec *arms; /* weights total SPLIT_ONE */
    /* Borrowed, each may be NULL; who takes one over takes a reference. */
    const struct alias_terms *terms;
    const struct stickymap *map; /* that the document says */
    /* That of an alias in force, which has a map whenever it is sticky: the one to begin with. */
    const struct stickymap *in_force;
};

/* What an alias in force says, in the form in which a document says it. Its arms are put into arms,
 * which has room for SPLIT_ARMS_MAX; the strings are the target's. Any thread. */
struct alias_spec table_alias_spec(const struct target *target, struct arm_spec *arms);

/* A copy of previous in which one alias is as spec says (its name stays); no parsing, and nothing
 * copied but the way to that alias. changed is a target of previous; arms name versions of its
 * function, once each. Strings are copied. Returns a table with one reference for the caller; NULL
 * when out of memory. */
struct table *table_with_alias(struct table *previous, const struct target *changed,
                               const struct alias_spec *spec);

/* Brings a table that was built from previous up to date with what was changed by table_with_alias
 * meanwhile, of which current is the last: call it before built is published, if current is not
 * previous (and built is not previous itself, because nothing changed). An alias of which built
 * says the same as previous becomes what current says; where built says something new, that stays.
 * Either takes over from current's splits, which are those that are drawn from. built's generation
 * becomes the one after current's. It takes time in proportion to the changes (and looks at each
 * leaf's address). The thread that changes tables. 0, or -1 when out of memory: then built must be
 * dropped. */
int table_catch_up(struct table *built, const struct table *previous, const struct table *current)
    __attribute__((warn_unused_result));

/* After a table was published to the workers: opens the splits of all aliases that changed, which
 * closes the ones they replace. Bounded work; workers that pick in between open what they need
 * themselves. 0, or -1 when out of memory (picks will try again). */
int table_open(struct table *table) __attribute__((warn_unused_result));

/* For the builder: a table over a skeleton, with these targets, of which some are to be opened.
 * Takes over a reference to the skeleton and one to each target, whose indexes it sets, and the
 * array changed. NULL when out of memory, with nothing taken over. */
struct table *table_make_take(struct skeleton *skeleton, struct target *const *targets,
                              uint32_t nr_targets, uint32_t *changed, uint32_t nr_changed,
                              uint64_t generation);

#endif
