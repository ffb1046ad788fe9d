/* The heads of the admin listener's responses, as HTTP/1.1 text. Pure but for the date. */
#ifndef WEIR_PROXY_ADMIN_ADMIN_HEAD_H
#define WEIR_PROXY_ADMIN_ADMIN_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "control/api.h"

/* What the text of any response's head fits in: api_response's fields are short. */
enum { ADMIN_HEAD_BYTES = 2048 };

/* What the connection adds to a response. */
struct admin_head {
    uint64_t id[2]; /* random, for x-amzn-RequestId */
    bool is_last;   /* the connection ends with it */
    bool is_http10; /* the client has to be told where it does not */
};

/* Writes the head at p, which has room for ADMIN_HEAD_BYTES, and answers its end. Any thread. */
char *admin_head_write(char *p, const struct api_response *response, struct admin_head head);

#endif
