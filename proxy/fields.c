/* Names of header fields to numbers, and what the standards say of some of them. */
#include "proxy/fields.h"

static const char *const names[FIELD_COUNT] = {[FIELD_OTHER] = "",
#define X(id, name) [FIELD_##id] = name,
                                               FIELDS(X)
#undef X
};

enum { LENGTH_MAX = 25, SLOTS = 4 };

/* Candidates by length of name: at most four names share one. */
static const uint8_t by_length[LENGTH_MAX + 1][SLOTS] = {
    [2] = {FIELD_TE},
    [3] = {FIELD_VIA},
    [4] = {FIELD_HOST, FIELD_DATE},
    [6] = {FIELD_EXPECT},
    [7] = {FIELD_UPGRADE, FIELD_TRAILER},
    [9] = {FIELD_FORWARDED, FIELD_X_REAL_IP},
    [10] = {FIELD_CONNECTION, FIELD_USER_AGENT, FIELD_KEEP_ALIVE, FIELD_TRACESTATE},
    [11] = {FIELD_TRACEPARENT},
    [12] = {FIELD_MAX_FORWARDS},
    [14] = {FIELD_CONTENT_LENGTH, FIELD_HTTP2_SETTINGS},
    [15] = {FIELD_X_FORWARDED_FOR},
    [16] = {FIELD_REQUEST_ID, FIELD_X_FORWARDED_HOST, FIELD_PROXY_CONNECTION,
            FIELD_X_FORWARDED_PORT},
    [17] = {FIELD_TRANSFER_ENCODING, FIELD_X_FORWARDED_PROTO},
    [18] = {FIELD_PROXY_AUTHENTICATE},
    [19] = {FIELD_PROXY_AUTHORIZATION},
    [25] = {FIELD_STRICT_TRANSPORT_SECURITY},
};

/* Equality with a known name of the same length, eight bytes at a time. Setting bit 5 lowers
 * letters and leaves digits and '-' alone, and maps no other byte of a token to one of those. */
static bool is_name(const char *p, const char *known, size_t n)
{
    const uint64_t bit5 = UINT64_C(0x2020202020202020);
    uint64_t a = 0, b = 0;

    while (n >= 8) {
        memcpy(&a, p, 8);
        memcpy(&b, known, 8);
        if ((a | bit5) != b)
            return false;
        p += 8;
        known += 8;
        n -= 8;
    }
    for (size_t i = 0; i < n; i++)
        if ((p[i] | 0x20) != known[i])
            return false;
    return true;
}

enum field_id fields_id(struct str name)
{
    if (name.n > LENGTH_MAX)
        return FIELD_OTHER;
    for (int i = 0; i < SLOTS; i++) {
        uint8_t id = by_length[name.n][i];
        if (id == FIELD_OTHER)
            return FIELD_OTHER;
        /* The last letter tells most names of one length apart before the whole is compared. */
        if ((name.p[name.n - 1] | 0x20) == names[id][name.n - 1] &&
            is_name(name.p, names[id], name.n))
            return (enum field_id)id;
    }
    return FIELD_OTHER;
}

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

bool fields_is_tchar(unsigned char c)
{
    static const char punctuation[] = "!#$%&'*+-.^_`|~";

    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != 0 && memchr(punctuation, c, sizeof(punctuation) - 1) != NULL;
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
