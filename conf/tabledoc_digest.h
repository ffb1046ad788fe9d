/* Digests of the things in a table document. Two things that say the same have the same digest,
 * also where the document spells them differently (defaults written out, 5 or 5.0, the order of
 * keys). The name of the thing itself does not count; names that it refers to do. Pure. */
#ifndef WEIR_CONF_TABLEDOC_DIGEST_H
#define WEIR_CONF_TABLEDOC_DIGEST_H

#include <stdint.h>

#include "router/builder.h"

/* A function without its versions and aliases. */
uint64_t tabledoc_digest_function(uint32_t max_in_flight);

/* A version without its endpoints; then add each URL in order. */
uint64_t tabledoc_digest_version(const struct version_spec *spec);
uint64_t tabledoc_digest_endpoint(uint64_t digest, struct str url);

uint64_t tabledoc_digest_alias(const struct alias_spec *spec);

uint64_t tabledoc_digest_route(const struct route_spec *spec);

#endif
