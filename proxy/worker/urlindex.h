/* Which function URL does a host name? An index of the table in force by URL ids (conf/urlid.h),
 * made when the first request after a change asks: ids depend on the settings too, and few tables
 * have URLs. 10 000 URLs take a millisecond or two. The worker's own thread. */
#ifndef WEIR_PROXY_WORKER_URLINDEX_H
#define WEIR_PROXY_WORKER_URLINDEX_H

#include "conf/urlid.h"
#include "router/table.h"

struct worker;
struct urlindex;

/* No shorter host is one. */
enum { URLINDEX_HOST_MIN = URLID_LENGTH + sizeof(".lambda-url..on.aws") - 1 };

/* What it found; valid as long as the table. */
struct urlindex_found {
    const struct function *function;
    const struct function_url *url;
    char id[URLID_LENGTH + 1];
};

/* True where the host, without port, has the form of a function URL of this region. Then
 * out->function is NULL where the table has no such URL (or memory ran out). */
bool urlindex_find(struct worker *w, const struct table *table, struct str host,
                   struct urlindex_found *out);

/* Has the host, without port, that form? Most are told from it by their length. */
bool urlindex_has_form(const struct worker *w, struct str host);
static inline bool urlindex_is_host(const struct worker *w, struct str host)
{
    return __builtin_expect(host.n >= URLINDEX_HOST_MIN, 0) && urlindex_has_form(w, host);
}

/* Frees and clears; NULL is fine. */
void urlindex_free(struct urlindex **index);

#endif
