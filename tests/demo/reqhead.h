/* A request's head: request line and header fields, as spans of the bytes they came in. Strict, because what reaches the
 * demo is what weir sent: anything odd is weir's mistake and must show (counted as malformed, answered 400). */
#ifndef WEIR_DEMO_REQHEAD_H
#define WEIR_DEMO_REQHEAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

enum { REQHEAD_FIELDS_MAX = 512, REQHEAD_BYTES_MAX = 512 * 1024 };

struct reqhead_field {
    struct str name, value;
};

struct reqhead {
    struct str method, target, path, query; /* query without '?' */
    int minor;                              /* of HTTP/1.x */
    bool keep_alive, is_chunked, has_length, expects_continue;
    uint64_t length;
    struct str upgrade; /* value of Upgrade where Connection lists it */
    struct str demo;    /* value of X-Demo: behaviours for this request */
    int nr_fields;
    struct reqhead_field fields[REQHEAD_FIELDS_MAX];
};

/* The length of the head that p begins with, including its empty line; 0 where it is not complete yet; -1 where it is
 * malformed. Spans in head point into p. */
ssize_t reqhead_parse(struct reqhead *head, const char *p, size_t n);

/* Parses one "Name: value" line without its line end. */
bool reqhead_parse_field(struct reqhead_field *field, struct str line);

#endif
