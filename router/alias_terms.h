/* What few aliases have: how callers stay on their version, who may choose one, and what is
 * measured. An alias that has none of it has no terms.
 *
 * Frozen, counted; any thread. */
#ifndef WEIR_ROUTER_ALIAS_TERMS_H
#define WEIR_ROUTER_ALIAS_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/network.h"
#include "base/stash.h"
#include "base/str.h"

enum { ALIAS_TERMS_SOURCES_MAX = 8, ALIAS_TERMS_NETWORKS_MAX = 256 };

enum alias_source_kind {
    ALIAS_SOURCE_HEADER,
    ALIAS_SOURCE_COOKIE,
    ALIAS_SOURCE_QUERY,
    ALIAS_SOURCE_CLIENT_ADDRESS
};

enum alias_same_site { ALIAS_SAME_SITE_LAX, ALIAS_SAME_SITE_STRICT, ALIAS_SAME_SITE_NONE };

/* The cookie of a caller who has no key yet. */
struct alias_issue {
    bool has_max_age; /* else it ends with the browser */
    bool is_secure, is_http_only;
    uint8_t same_site; /* enum alias_same_site */
    uint32_t max_age_s;
    struct str path, domain; /* domain empty: none */
};

/* Where a caller's key may be found. */
struct alias_source {
    uint8_t kind;                 /* enum alias_source_kind */
    uint8_t ipv4_bits, ipv6_bits; /* of a client address */
    struct str name;
    const struct alias_issue *issue; /* of a cookie; NULL: none is issued */
};

/* split.sticky. The map in force is the target's. */
struct alias_sticky {
    int nr_sources;
    const struct alias_source *sources; /* the first one with a value counts */
    struct str salt;                    /* said, or FUNCTION:ALIAS */
    uint64_t seed;                      /* stickymap_seed of it */
    bool has_namespace;
    uint32_t from, to; /* of the namespace, in billionths */
    struct str namespace_salt;
    uint64_t namespace_seed;
};

/* Either by a header or by a cookie; the other one is empty. */
struct alias_pin {
    uint32_t for_s;
    struct str header, cookie;
};

/* A secret, networks, or both. */
struct alias_override {
    struct str header;
    bool has_secret;
    uint8_t secret_sha256[32];
    int nr_networks; /* 0: from anywhere */
    const struct network *networks;
};

struct alias_audit {
    struct str header;
};

struct alias_experiment {
    double alpha;
    struct str outcome_header;
};

/* What the versions but the first may do before they are taken back (router/ward.h). */
struct alias_budget {
    uint32_t failures;
};

struct alias_guard {
    double alpha;
};

/* Each part is NULL where the alias does not have it. */
struct alias_terms {
    _Atomic uint32_t refs;
    struct stash stash; /* of all below */
    const struct alias_sticky *sticky;
    const struct alias_pin *pin;
    const struct alias_override *override;
    const struct alias_audit *audit;
    const struct alias_experiment *experiment;
    const struct alias_budget *budget;
    const struct alias_guard *guard;
    /* The keys as the table document has them, without the map and without defaults: one text for
     * all that say the same. */
    struct str document;
};

/* A copy of the parts with all their strings, and one reference for the caller. Seeds are worked
 * out. NULL when out of memory. */
struct alias_terms *alias_terms_make(const struct alias_terms *parts);

struct alias_terms *alias_terms_ref(const struct alias_terms *terms);
/* Ends the reference and clears the pointer, which may be NULL; the last one frees. */
void alias_terms_unref(struct alias_terms **terms);

/* Do both say the same? NULL says nothing. */
bool alias_terms_is_same(const struct alias_terms *a, const struct alias_terms *b);

#endif
