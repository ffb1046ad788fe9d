/* What a URL's terms (struct url_terms) say of a request, before anything is done about it. Any
 * thread. */
#ifndef WEIR_PROXY_EXCHANGE_TERMS_H
#define WEIR_PROXY_EXCHANGE_TERMS_H

#include "conf/credentials.h"
#include "proxy/http/head.h"
#include "proxy/payload/payload_cors.h"
#include "router/arn.h"
#include "router/url_terms.h"

/* What a page of another origin asks. */
struct payload_cors terms_asked(const struct head *head);

/* Is the request a preflight that these terms answer? */
bool terms_is_preflight(const struct url_terms *terms, const struct head *head);

/* May the key, NULL: nobody's, run the function by its URL? */
bool terms_permit(const struct credentials_key *key, const struct arn_home *home,
                  struct str function, struct str qualifier);

#endif
