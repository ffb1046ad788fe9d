/* Names of header fields to numbers, and what the standards say of some of them. */
#include "proxy/http/fields.h"

/* All names fall into different slots; -Woverride-init would tell. */
const struct fields_known fields_known[FIELDS_SLOTS] = {
#define X(id, name, length, first, later)                                                          \
    [FIELDS_SLOT(length, first, later)] = {name, length, FIELD_##id},
    FIELDS(X)
#undef X
};

bool fields_is_hop_by_hop(enum field_id id)
{
    switch (id) {
    case FIELD_CONNECTION:
    case FIELD_TE:
    case FIELD_UPGRADE:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHORIZATION:
    case FIELD_HTTP2_SETTINGS:
        return true;
    default:
        return false;
    }
}

bool fields_is_forbidden_trailer(enum field_id id)
{
    switch (id) {
    case FIELD_OTHER:
    case FIELD_USER_AGENT:
    case FIELD_DATE:
    case FIELD_TRACESTATE:
        return false;
    default:
        return true;
    }
}

bool fields_next_token(struct str *list, struct str *token)
{
    while (list->n > 0 && (*list->p == ',' || *list->p == ' ' || *list->p == '\t')) {
        list->p++;
        list->n--;
    }
    if (list->n == 0)
        return false;
    const char *comma = memchr(list->p, ',', list->n);
    *token = (struct str){list->p, comma ? (size_t)(comma - list->p) : list->n};
    list->p += token->n;
    list->n -= token->n;
    while (token->n > 0 && (token->p[token->n - 1] == ' ' || token->p[token->n - 1] == '\t'))
        token->n--;
    return true;
}
