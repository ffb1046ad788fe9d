/* Cookies of a request (RFC 6265 section 4.2): "Cookie: name=value; name=value". Worker thread. */
#ifndef WEIR_PROXY_HTTP_COOKIE_H
#define WEIR_PROXY_HTTP_COOKIE_H

#include "base/str.h"
#include "proxy/http/head.h"

/* Is it a Cookie field? */
static inline bool cookie_is_field(const struct head *head, const struct head_field *f)
{
    return f->name_len == 6 && str_ieq(head_name(head, f), STR("cookie"));
}

/* The value of the first cookie of that name, in the field that comes first; names count as they
 * are written. Quotes around a value belong to it. False where there is none. */
bool cookie_find(const struct head *head, struct str name, struct str *value);

/* Cuts all cookies of that name out of the head, whose bytes have to be the caller's to change; the
 * others stay as they are, byte for byte. A field of which nothing is left is dropped. The head is
 * no longer what was read: what follows a changed field is not compared with the next head. */
void cookie_cut(struct head *head, struct str name);

#endif
