/* Which bodies travel as text in an event, and which in base64. Pure. */
#ifndef WEIR_PROXY_PAYLOAD_PAYLOAD_TYPE_H
#define WEIR_PROXY_PAYLOAD_PAYLOAD_TYPE_H

#include <stdbool.h>

#include "base/str.h"

/* By the value of Content-Type: text, JSON, XML and JavaScript, and what is made of them
 * (application/problem+json). No content type is none of a text, and a form is none either, as for
 * Lambda. */
bool payload_type_is_text(struct str content_type);

#endif
