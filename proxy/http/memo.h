/* What the head before said, for the next one of its kind on the same worker: most of its lines
 * stand there again, in the same order. A line that is the same to the last byte as the one in
 * its place was then needs no reading: its field is still known.
 *
 * Only plain lines (plainline.h) are kept, so that the same bytes mean the same whatever comes
 * before them. Pure. */
#ifndef WEIR_PROXY_HTTP_MEMO_H
#define WEIR_PROXY_HTTP_MEMO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/block.h"
#include "base/str.h"

enum { MEMO_SECTION = 1024, MEMO_HOST = 64 };

/* Zero-initialised it holds nothing. */
struct memo {
    uint16_t nr;       /* fields whose lines are here */
    uint16_t bytes;    /* of the section, with its empty line */
    uint16_t host_len; /* of the Host value that was checked last; 0: none */
    uint16_t name_len; /* of the host name in it */
    uint32_t at;       /* where the section began, to which the places of those fields refer */
    char host[MEMO_HOST];
    char section[MEMO_SECTION];
};

/* How many bytes of [line, end) are those that began at place then. */
static inline size_t memo_common(const struct memo *memo, uint32_t place, const char *line,
                                 const char *end)
{
    size_t n = memo->bytes - (place - memo->at);

    return block_common(memo->section + (place - memo->at), line,
                        n < (size_t)(end - line) ? n : (size_t)(end - line));
}

/* Keeps a section that began at at, with nr fields; none, if there is no room. */
static inline void memo_keep(struct memo *memo, struct str section, uint32_t at, uint16_t nr)
{
    if (section.n > MEMO_SECTION)
        return;
    memcpy(memo->section, section.p, section.n);
    memo->bytes = (uint16_t)section.n;
    memo->at = at;
    memo->nr = nr;
}

/* The bytes of the name in a Host value that was found valid before; 0 where it was another one. */
static inline size_t memo_host_name(const struct memo *memo, struct str host)
{
    return str_eq(host, (struct str){memo->host, memo->host_len}) ? memo->name_len : 0;
}

static inline void memo_keep_host(struct memo *memo, struct str host, size_t name_len)
{
    if (host.n > MEMO_HOST)
        return;
    memcpy(memo->host, host.p, host.n);
    memo->host_len = (uint16_t)host.n;
    memo->name_len = (uint16_t)name_len;
}

#endif
