/* The canonical form of a request that SigV4 hashes, written piece by piece into a sink: one form
 * for all spellings of a request that mean the same. Pure; private to control/sigv4.c. */
#ifndef WEIR_CONTROL_CANONICAL_H
#define WEIR_CONTROL_CANONICAL_H

#include <stdbool.h>

#include "base/str.h"

struct sigv4_request;

struct canonical_sink {
    void (*add)(void *context, struct str piece);
    void *context;
};

/* The wire's path without empty and dot segments, percent-encoded once more: what the client has
 * encoded as %3A is %253A here, for all services but S3. 0, or -1 when out of memory. */
int canonical_path(const struct canonical_sink *sink, struct str path)
    __attribute__((warn_unused_result));

/* The query's pairs, decoded and encoded again strictly, in their order. */
struct canonical_query;

struct canonical_query *canonical_query_make(struct str query); /* NULL when out of memory */
void canonical_query_free(struct canonical_query **query);      /* clears; NULL is fine */

/* The decoded value of the parameter; p NULL where there is none, or where there are several. */
struct str canonical_query_get(const struct canonical_query *query, struct str name);
/* Whether the text of a query has the parameter, written plainly. */
bool canonical_query_has(struct str query, struct str name);

/* "a=1&b=" without the parameter of that name (p NULL: with all). */
void canonical_query_write(const struct canonical_sink *sink, const struct canonical_query *query,
                           struct str without);

enum canonical_result {
    CANONICAL_OK,
    CANONICAL_NO_HOST, /* host is not among the signed headers */
    CANONICAL_ABSENT   /* one that is among them is not there */
};

/* The lines of the headers that the client lists ("host;x-amz-date"), in its order: values with one
 * blank for each run of them, several joined by commas. */
enum canonical_result canonical_headers(const struct canonical_sink *sink,
                                        const struct sigv4_request *request,
                                        struct str signed_headers)
    __attribute__((warn_unused_result));

#endif
