/* The authority grammar, host [":" port] as Host and absolute targets carry it (RFC 3986 section
 * 3.2 without userinfo), and which host a request is for (RFC 9112 section 3.2). Pure. */
#ifndef WEIR_PROXY_HTTP_AUTHORITY_H
#define WEIR_PROXY_HTTP_AUTHORITY_H

#include "proxy/http/head.h"

/* Not empty, and of the form above. *host is the part before the port. */
bool authority_is_valid(struct str s, struct str *host);

/* An authority without its port; an IPv6 address keeps its brackets. */
struct str authority_host(struct str authority);

/* Of a whole request head: exactly one Host in HTTP/1.1, valid, and the same as an absolute
 * target's authority; sets host_at and host_len. NULL, or what is wrong in one sentence. */
const char *authority_check_host(struct head *head);

#endif
