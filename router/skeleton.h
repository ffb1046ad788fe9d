/* What tables that differ in weights alone have in common: functions with their versions and
 * endpoints, routes, and the indexes of names. Built by the builder, frozen with its first table,
 * counted by the tables. Whoever holds a reference may look things up and end it, on any thread. */
#ifndef WEIR_ROUTER_SKELETON_H
#define WEIR_ROUTER_SKELETON_H

#include <stdint.h>

#include "base/flathash.h"
#include "base/stash.h"
#include "router/hash.h"
#include "router/model.h"
#include "router/registry.h"
#include "router/routes.h"

struct skeleton {
    _Atomic uint32_t refs;
    struct registry *registry;
    struct stash stash; /* all below but the arrays and indexes */
    struct function **functions;
    uint32_t nr_functions, capacity;
    struct function **with_urls; /* those that have function URLs */
    uint32_t nr_with_urls, with_urls_capacity;
    uint64_t serial;          /* no other skeleton of this process has it */
    struct version **watched; /* those that may fail */
    uint32_t nr_watched, watched_capacity;
    struct flathash names;      /* of functions, to their indexes */
    struct flathash qualifiers; /* of (function, qualifier), to the indexes of targets */
    struct routes routes;
    char *sections[MODEL_SECTIONS]; /* malloc'ed; NULL: nothing is said */
};

/* Empty, with one reference for the caller. NULL when out of memory. */
struct skeleton *skeleton_make(struct registry *registry);

/* What a section says from now on; copied. 0, or -1 when out of memory. */
int skeleton_say(struct skeleton *skeleton, enum model_section section, const char *text)
    __attribute__((warn_unused_result));

struct skeleton *skeleton_ref(struct skeleton *skeleton);
/* Ends the reference and clears the pointer; the last one frees. */
void skeleton_unref(struct skeleton **skeleton);

/* Hash of a function's name; its low half is the tag in names. */
static inline uint64_t skeleton_hash(struct str function)
{
    return hash_str(function, 0);
}

/* The tag in qualifiers. */
static inline uint32_t skeleton_tag(uint64_t function_hash, struct str qualifier)
{
    return (uint32_t)hash_str(qualifier, function_hash);
}

/* The function of this name and hash, or NULL. */
static inline struct function *skeleton_function(const struct skeleton *skeleton, struct str name,
                                                 uint64_t hash)
{
    uint32_t at;

    for (uint32_t n = flathash_first(&skeleton->names, (uint32_t)hash, &at); n != FLATHASH_NONE;
         n = flathash_next(&skeleton->names, (uint32_t)hash, &at))
        if (str_eq(skeleton->functions[n]->name, name))
            return skeleton->functions[n];
    return NULL;
}

#endif
