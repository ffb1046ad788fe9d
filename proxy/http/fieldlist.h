/* A head's fields as control/sigv4.h takes them. Pure. */
#ifndef WEIR_PROXY_HTTP_FIELDLIST_H
#define WEIR_PROXY_HTTP_FIELDLIST_H

#include "control/sigv4.h"
#include "proxy/http/head.h"

/* Into out, which has room for HEAD_FIELDS_MAX; how many. They point into the head's bytes. */
static inline int fieldlist_take(const struct head *head, struct sigv4_field *out)
{
    for (int i = 0; i < head->nr_fields; i++)
        out[i] = (struct sigv4_field){head_name(head, &head->fields[i]),
                                      head_value(head, &head->fields[i])};
    return head->nr_fields;
}

#endif
