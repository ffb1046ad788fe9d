/* Reading the field by which a tester says which version is to run (docs/pins.md):
 *
 *     x-weir-override: 2
 *     x-weir-override: beta; secret=S
 *
 * Pure; any thread. */
#ifndef WEIR_PROXY_EXCHANGE_OVERRIDE_H
#define WEIR_PROXY_EXCHANGE_OVERRIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct override {
    struct str qualifier; /* a version or an alias, as it was written; may be empty */
    struct str secret;    /* empty: none was given */
};

/* Takes a field's value apart. A secret may stand between double quotes; it ends with them, or with
 * the next semicolon. Parameters of other names mean nothing. */
struct override override_read(struct str value);

/* Is it the secret whose SHA-256 that is? How long it takes says nothing of the right one. */
bool override_is_secret(struct str secret, const uint8_t sha256[32]);

#endif
