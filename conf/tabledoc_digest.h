/* Digests of the things in a table document. Two things that say the same have the same digest,
 * also where the document spells them differently (defaults written out, 5 or 5.0, the order of
 * keys). The name of the thing itself does not count; names that it refers to do. The store keeps
 * digests over restarts and releases (struct store_row): that of a thing that is said today is the
 * same for ever. Pure. */
#ifndef WEIR_CONF_TABLEDOC_DIGEST_H
#define WEIR_CONF_TABLEDOC_DIGEST_H

#include <stdint.h>

#include "router/builder.h"

/* A function without its versions, aliases and URLs, and without last_version, of which the largest
 * that anybody said counts. */
uint64_t tabledoc_digest_function(const struct function_spec *spec);

uint64_t tabledoc_digest_url(const struct function_url *url);

/* A version without its endpoints; then add each URL in order. */
uint64_t tabledoc_digest_version(const struct version_spec *spec);
uint64_t tabledoc_digest_endpoint(uint64_t digest, struct str url);

/* Of maps only the one that the document says counts, not the one in force. */
uint64_t tabledoc_digest_alias(const struct alias_spec *spec);

uint64_t tabledoc_digest_route(const struct route_spec *spec);

#endif
