/* Start lines (RFC 9112 sections 3 and 4) and the authority grammar, read strictly. Pure. */
#ifndef WEIR_PROXY_STARTLINE_H
#define WEIR_PROXY_STARTLINE_H

#include "proxy/http1.h"

/* Reads the line of n bytes at head->base + head->line_at, without its CRLF, into head. On failure *detail is one sentence. */
enum http1_error startline_request(struct http1_head *head, size_t n, const char **detail);
enum http1_error startline_response(struct http1_head *head, size_t n, const char **detail);

/* host [":" port], as Host and absolute targets carry it (RFC 3986 section 3.2 without userinfo); not empty. *host is the part
 * before the port. */
bool startline_is_authority(struct str s, struct str *host);

/* An authority without its port, and without the brackets of an IPv6 address left off. */
struct str startline_host_of(struct str authority);

#endif
