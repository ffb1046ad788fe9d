/* Pins: tokens that say for some time which version of an alias a caller has (docs/pins.md).
 *
 *     VERSION.SECONDS.SIGNATURE     2.1764499732.Jw0Wc...
 *
 * SECONDS: of its issue, since 1970, decimal.
 *
 * The signature is HMAC-SHA256 (RFC 2104) over "weir-pin", function, alias, version and seconds, a
 * line each ("\n" between them), in base64url without padding (RFC 4648 section 5). Function and
 * alias stand in no token: one of another alias is a forged one. Pure; any thread. */
#ifndef WEIR_PROXY_EXCHANGE_PINTOKEN_H
#define WEIR_PROXY_EXCHANGE_PINTOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/str.h"
#include "conf/pinkeys.h"

enum {
    PINTOKEN_VERSION_MAX = 24,
    PINTOKEN_SIGNATURE = 43,
    PINTOKEN_MAX = PINTOKEN_VERSION_MAX + DECIMAL_DIGITS_MAX + PINTOKEN_SIGNATURE + 2
};

/* What a token is about. */
struct pintoken {
    struct str function, alias;
    struct str version; /* PINTOKEN_VERSION_MAX at most */
    uint64_t issued_s;
};

/* Writes the token, signed with the first key, at out, which has room for PINTOKEN_MAX bytes.
 * Returns it; empty where it cannot be signed (out of memory). */
struct str pintoken_write(char *out, const struct pintoken *about, const struct pinkeys *keys);

/* Is it a token for out->function and out->alias, signed by one of the keys, and at now_s not yet
 * for_s old? Then version, which points into it, and issued_s are filled in. How long it takes says
 * nothing of the signature that would be right. */
bool pintoken_read(struct pintoken *out, struct str token, const struct pinkeys *keys,
                   uint64_t now_s, uint32_t for_s);

#endif
