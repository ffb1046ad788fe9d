/* The key by which a caller stays on a version: taken from the request by the sources of a sticky
 * split. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_CALLERKEY_H
#define WEIR_PROXY_EXCHANGE_CALLERKEY_H

#include <stdbool.h>

#include "base/network.h"
#include "proxy/exchange/request.h"
#include "proxy/http/head.h"
#include "proxy/worker/tuning.h"
#include "router/alias_terms.h"

enum { CALLERKEY_TEXT = 512 };

struct callerkey {
    struct str key;
    char *block; /* of a long one; NULL: none */
    char text[CALLERKEY_TEXT];
};

/* The value of the first source that has one; it lasts as long as the head and *out, which
 * callerkey_fini ends. False where no source has one, or memory is short: then there is nothing to
 * end. from: of the connection. */
bool callerkey_find(struct callerkey *out, const struct alias_sticky *sticky,
                    const struct head *head, const struct request_caller *from,
                    const struct tuning *tuning);
void callerkey_fini(struct callerkey *key);

/* The client's address: that of the connection; behind proxies that are trusted, the first one from
 * the right of X-Forwarded-For that is not a trusted proxy's. Where all of them are, the leftmost;
 * an entry that is no address ends the search. False where the connection has none. */
bool callerkey_address(const struct head *head, const struct request_caller *from,
                       const struct tuning *tuning, struct network_address *out);

/* Reads a field's or parameter's text as HTML forms write it: '+' is a space, %XX a byte; what is
 * no such escape stays. to has room for all of text; how many bytes it is. */
size_t callerkey_decode(char *to, struct str text);

#endif
