/* The parameters of a query, decoded, as an event has them. Pure. */
#ifndef WEIR_PROXY_PAYLOAD_PAYLOAD_QUERY_H
#define WEIR_PROXY_PAYLOAD_PAYLOAD_QUERY_H

#include "base/buffer.h"
#include "base/str.h"

/* Appends ,"queryStringParameters":{...} to the members of an object, sorted by name; a name that
 * comes more than once has all its values, joined by commas, in their order. Nothing where there
 * are no parameters. */
void payload_query_write(struct buffer *out, struct str query);

#endif
