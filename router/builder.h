/* Building a table from a document that was found right:
 *
 *     builder_make,
 *     { function, { version, endpoint... }..., alias... }..., route...,
 *     builder_freeze
 *
 * All strings are copied. What belongs to the table (names known, no duplicates) is checked by
 * assertion only: conf has already told people what is wrong with their document. The calls return
 * 0, or -1 when out of memory, after which only builder_free is allowed.
 *
 * A builder belongs to one thread, whichever. It may work while others pick from the table before
 * (which the caller holds), change that one's aliases, and free older ones: what they share is
 * counted atomically or locked (router/registry.h). If aliases were changed meanwhile,
 * table_catch_up brings the new table up to date. */
#ifndef WEIR_ROUTER_BUILDER_H
#define WEIR_ROUTER_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "router/origin.h"
#include "router/registry.h"
#include "router/table.h"

struct builder;

struct version_spec {
    struct str name;
    enum version_kind kind;
    const char *host;
    bool preserve_host, allow_upgrade;
    uint32_t max_in_flight, max_connections, connect_ms, response_head_ms, stream_idle_ms;
    uint32_t timeout_ms;
    const struct version_header *headers; /* copied */
    int nr_headers;
    struct health_check health_check; /* path is copied */
    struct ejection ejection;
    struct origin_tls tls; /* strings are copied; used for https endpoints */
    const char *configuration;
    struct machine_task task; /* of a state machine's version; copied */
};

/* As struct function has them. */
struct function_spec {
    struct str name;
    uint32_t max_in_flight;
    uint32_t concurrency;
    uint64_t last_version;
    const char *tags, *dead_letter;
    const char *auto_publish_alias, *deployment_preference;
    const struct function_url *urls;
    int nr_urls;
    const struct machine *machine; /* copied; NULL: a function */
};

struct endpoint_spec {
    struct str url; /* for messages */
    bool is_tls, is_srv;
    struct str host; /* as struct origin_spec has it */
    struct str name; /* likewise */
    uint16_t port;
    struct str base_path; /* the URL's path; empty means "/", or what the kind says */
};

struct route_spec {
    struct str host; /* "" for any, "*.suffix" or exact, in lower case, at most 255 bytes */
    struct str path; /* begins with '/' */
    struct str function, qualifier;           /* what it leads to; qualifier "" means $LATEST */
    struct str said_function, said_qualifier; /* as the document has them; empty: likewise */
    bool strip_prefix;
    const struct url_terms *terms; /* copied; NULL: none */
};

/* NULL when out of memory. */
struct builder *builder_make(struct registry *registry);

/* Drops what was added and clears the pointer. */
void builder_free(struct builder **builder);

int builder_function(struct builder *builder, const struct function_spec *spec)
    __attribute__((warn_unused_result));

/* To the last function added, where its dead_letter is a URL: that. */
int builder_version_letter_box(struct builder *builder, const struct endpoint_spec *spec)
    __attribute__((warn_unused_result));

/* To the last function added. */
int builder_version(struct builder *builder, const struct version_spec *spec)
    __attribute__((warn_unused_result));

/* To the last version added; each version gets one or more, those of kind function none. */
int builder_version_endpoint(struct builder *builder, const struct endpoint_spec *spec)
    __attribute__((warn_unused_result));

/* To the last function added, after all its versions. */
int builder_alias(struct builder *builder, const struct alias_spec *spec)
    __attribute__((warn_unused_result));

/* After the last function: builder_knows knows it too. */
int builder_end_functions(struct builder *builder) __attribute__((warn_unused_result));

/* Has a function with its versions and aliases been added, and has it this version or alias? */
bool builder_knows(const struct builder *builder, struct str function, struct str qualifier);

/* After all functions. */
int builder_route(struct builder *builder, const struct route_spec *spec)
    __attribute__((warn_unused_result));

/* What a section says: a JSON object, copied. At any time. */
int builder_section(struct builder *builder, enum model_section section, const char *text)
    __attribute__((warn_unused_result));

/* Freezes what was added and ends the builder. previous is the table in force, or NULL: an alias
 * with the same name, mode, versions in the same order and weights keeps its split; a changed one
 * gets a split that takes over the errors. The generation is previous' plus one. Returns a table
 * with one reference for the caller, or NULL when out of memory (the builder is gone in either
 * case). */
struct table *builder_freeze(struct builder **builder, struct table *previous);

#endif
