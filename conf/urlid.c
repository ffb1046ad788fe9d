/* The id is the four names' hash, of 128 bits in hexadecimal. Between the names stands a NUL, which
 * no name has, so that no two lists of names are one text. */
#include "conf/urlid.h"

#include <stdio.h>

#include "base/text.h"
#include "conf/hostport.h"
#include "router/hash.h"

static const struct str middle = {".lambda-url.", 12}, tail = {".on.aws", 7};

static uint64_t hash_names(const struct urlid_of *of, uint64_t seed)
{
    const struct str names[] = {of->account, of->region, of->function, of->qualifier};
    uint64_t h = seed;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        h = hash_str(STR("\0"), hash_str(names[i], h));
    return h;
}

void urlid_make(const struct urlid_of *of, char id[URLID_LENGTH + 1])
{
    char *p = text_hex_fixed(id, hash_names(of, 0x77656972), 16);

    p = text_hex_fixed(p, hash_names(of, 0x75726c73), 16);
    *p = '\0';
}

void urlid_host(const struct urlid_of *of, char host[URLID_HOST_MAX + 1])
{
    char id[URLID_LENGTH + 1];

    urlid_make(of, id);
    snprintf(host, URLID_HOST_MAX + 1, "%s%s%.*s%s", id, middle.p, STR_ARG(of->region), tail.p);
}

static bool skip(struct str *s, struct str what)
{
    if (s->n < what.n || !str_ieq((struct str){s->p, what.n}, what))
        return false;
    s->p += what.n;
    s->n -= what.n;
    return true;
}

bool urlid_find(struct str host, struct str region, struct str *id)
{
    struct str rest = hostport_undotted(host);

    if (rest.n < URLID_LENGTH)
        return false;
    *id = (struct str){rest.p, URLID_LENGTH};
    rest.p += URLID_LENGTH;
    rest.n -= URLID_LENGTH;
    return skip(&rest, middle) && skip(&rest, region) && skip(&rest, tail) && rest.n == 0 &&
           !memchr(id->p, '.', id->n);
}
