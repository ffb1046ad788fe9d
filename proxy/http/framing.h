/* The fields that decide how a message is framed and how its connection goes on (RFC 9112
 * sections 6 and 9, RFC 9110 sections 7.6 and 10.1.1). Pure. */
#ifndef WEIR_PROXY_HTTP_FRAMING_H
#define WEIR_PROXY_HTTP_FRAMING_H

#include "proxy/http/head.h"

/* Options that all Connection fields of a head may list together. Each of them is compared with
 * each field, so that without a limit one head would cost as much time as thousands of others. */
enum { FRAMING_OPTIONS_MAX = 128 };

/* Whether a field says something about the message itself. */
static inline bool framing_is_concerned(enum field_id id)
{
    const uint32_t read = 1u << FIELD_HOST | 1u << FIELD_CONNECTION | 1u << FIELD_CONTENT_LENGTH |
                          1u << FIELD_TRANSFER_ENCODING | 1u << FIELD_EXPECT |
                          1u << FIELD_MAX_FORWARDS | 1u << FIELD_KEEP_ALIVE;

    _Static_assert(FIELD_COUNT <= 32, "as many as there are bits");
    return read >> id & 1;
}

/* Reads such a field, the next one of the head, into the head. When it makes the head fail it
 * answers with the error, and head->fault says why. */
enum head_error framing_read(struct head *head, const struct head_field *f)
    __attribute__((warn_unused_result));

/* Marks the fields that Connection lists (is_listed), once per head, when all of it is there and
 * it has_connection_options. */
void framing_mark_listed(struct head *head);

#endif
