/* What the files of the builder share (builder*.c). Private to them; the thread that builds. */
#ifndef WEIR_ROUTER_BUILDER_PARTS_H
#define WEIR_ROUTER_BUILDER_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "router/builder.h"
#include "router/skeleton.h"

enum { UNFILED_MAX = 64 };

/* The tags of the things that were added last and are in no index yet: so many are filed together,
 * as each costs a cache line that has to come from memory. */
struct unfiled {
    uint32_t nr;
    uint32_t tags[UNFILED_MAX];
};

struct builder {
    struct registry *registry;
    struct skeleton *skeleton;
    struct target **targets;
    uint32_t nr_targets, targets_capacity;
    struct unfiled unfiled_targets, unfiled_functions;

    struct function *function; /* the last one */
    uint64_t function_hash;
    bool is_open; /* it may get more versions */
    /* Its own, as long as it is open. */
    struct version *versions;
    uint32_t nr_versions, versions_capacity;
    struct endpoint *endpoints; /* of all its versions */
    uint32_t nr_endpoints, endpoints_capacity;
    struct origin_tls tls; /* of the last version */
};

/* The list with room for one more, or NULL (and the list is as it was). */
void *builder_room(void *list, uint32_t nr, uint32_t *capacity, size_t size);

/* Copies into the table's memory; 0, or -1 when out of memory. The second: NULL stays NULL. */
int builder_keep(struct builder *builder, struct str s, struct str *out);
int builder_keep_option(struct builder *builder, const char *s, char **out);
int builder_version_keep_headers(struct builder *builder, const struct version_spec *spec,
                                 struct version *version);

/* After it all that was added can be found; 0, or -1 when out of memory. */
int builder_settle(struct builder *builder);
/* NULL where there is none. Once settled. */
struct target *builder_find(const struct builder *builder, struct str function,
                            struct str qualifier);

/* The last function's letter box, whose endpoint is filled in between the two calls. NULL when out
 * of memory. */
struct target *builder_version_make_letter_box(struct builder *builder);
void builder_version_place_letter_box(struct builder *builder, struct target *box);

/* The smaller one of two numbers, of which 0 means none. */
static inline uint32_t builder_smaller(uint32_t a, uint32_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

#endif
