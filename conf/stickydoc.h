/* The object "sticky" of an alias's split in the table document, and back. */
#ifndef WEIR_CONF_STICKYDOC_H
#define WEIR_CONF_STICKYDOC_H

#include "conf/jsondoc.h"
#include "router/alias_terms.h"
#include "router/stickymap.h"

/* What one source and its cookie have in the document; the strings are owned. */
struct stickydoc_source {
    char *header, *cookie, *query;
    const json_t *address, *issue;
    uint32_t ipv4_bits, ipv6_bits, max_age_s;
    bool is_secure, is_http_only;
    unsigned same_site;
    char *path, *domain;
};

/* One reading. */
struct stickydoc {
    struct alias_sticky sticky; /* refers to what follows, and to the default salt */
    struct alias_source sources[ALIAS_TERMS_SOURCES_MAX];
    struct alias_issue issues[ALIAS_TERMS_SOURCES_MAX];
    struct stickydoc_source texts[ALIAS_TERMS_SOURCES_MAX];
    const json_t *key, *said_map, *namespace, *from, *to;
    char *salt, *namespace_salt;
    struct stickymap *map; /* counted; NULL: none is said */
};

/* Reads an object; adds a problem for each thing that is wrong. versions: the function's, by name.
 * Ended by stickydoc_fini in any case. */
void stickydoc_read(struct stickydoc *out, struct jsondoc *doc, const struct place *at,
                    const json_t *value, const json_t *versions, struct str default_salt);
void stickydoc_fini(struct stickydoc *out);

/* The object that stickydoc_read reads back to the same, without map; NULL when out of memory. */
json_t *stickydoc_write(const struct stickydoc *read);

#endif
