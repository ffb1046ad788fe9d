/* How large a body the admin listener takes, and what it says of a larger one. Control thread. */
#ifndef WEIR_PROXY_ADMIN_ADMIN_BODY_H
#define WEIR_PROXY_ADMIN_ADMIN_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/settings.h"
#include "proxy/http/head.h"

enum { ADMIN_BODY_MESSAGE_MAX = 160 };

/* In bytes. It depends on the operation, and on who sends it: before the body has come a signature
 * proves nothing, so nobody may fill the memory with one that is wrong. */
size_t admin_body_max(const struct head *head, const struct settings *settings,
                      bool has_certificate);

/* Writes the message of the 413 for a body over that limit, which needs no escaping in JSON;
 * returns out. */
const char *admin_body_message(const struct head *head, size_t max,
                               char out[ADMIN_BODY_MESSAGE_MAX]);

/* The value of the first field of that name; p NULL where there is none. */
struct str admin_body_field(const struct head *head, struct str name);

#endif
