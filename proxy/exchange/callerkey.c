/* Fields, cookies and parameters as they are; addresses in one form each. */
#include "proxy/exchange/callerkey.h"

#include <stdlib.h>

#include "base/text.h"
#include "proxy/http/cookie.h"

/* ---- Fields ---------------------------------------------------------------------------------- */

static struct str find_field(const struct head *head, struct str name)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (head->fields[i].name_len == name.n && str_ieq(head_name(head, &head->fields[i]), name))
            return head_value(head, &head->fields[i]);
    return STR("");
}

static struct str find_cookie(const struct head *head, struct str name)
{
    struct str value;

    return cookie_find(head, name, &value) ? value : STR("");
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* The byte that text begins with, and how long it is written. */
static char decode_one(struct str text, size_t *used)
{
    *used = 1;
    if (text.p[0] == '+')
        return ' ';
    if (text.p[0] == '%' && text.n >= 3 && text_digit(text.p[1]) >= 0 &&
        text_digit(text.p[2]) >= 0) {
        *used = 3;
        return (char)(text_digit(text.p[1]) * 16 + text_digit(text.p[2]));
    }
    return text.p[0];
}

size_t callerkey_decode(char *to, struct str text)
{
    size_t n = 0, used;

    for (size_t at = 0; at < text.n; at += used)
        to[n++] = decode_one((struct str){text.p + at, text.n - at}, &used);
    return n;
}

static bool is_name(struct str text, struct str name)
{
    size_t n = 0, used;

    for (size_t at = 0; at < text.n; at += used, n++)
        if (n == name.n || decode_one((struct str){text.p + at, text.n - at}, &used) != name.p[n])
            return false;
    return n == name.n;
}

/* As it is written; empty where there is none. */
static struct str find_parameter(struct str query, struct str name)
{
    while (query.n > 0) {
        struct str one = str_until(query, '&'), key = str_until(one, '=');
        size_t used = one.n < query.n ? one.n + 1 : one.n;

        if (is_name(key, name))
            return key.n < one.n ? (struct str){one.p + key.n + 1, one.n - key.n - 1} : STR("");
        query.p += used;
        query.n -= used;
    }
    return STR("");
}

static bool take_parameter(struct callerkey *out, struct str value)
{
    char *to = out->text;

    if (value.n > sizeof(out->text))
        to = out->block = malloc(value.n);
    if (!to)
        return false;
    out->key = (struct str){to, callerkey_decode(to, value)};
    return true;
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static struct str trim(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Cuts the last element off a list. */
static struct str cut_last(struct str *list)
{
    const char *comma = list->n > 0 ? memrchr(list->p, ',', list->n) : NULL;
    size_t at = comma ? (size_t)(comma - list->p) + 1 : 0;
    struct str last = {list->p + at, list->n - at};

    list->n = comma ? at - 1 : 0;
    return trim(last);
}

/* An element of X-Forwarded-For, which some write with a port. */
static bool read_entry(struct str text, struct network_address *out)
{
    const char *colon;

    if (text.n > 0 && text.p[0] == '[') {
        struct str inner = {text.p + 1, text.n - 1};

        return network_read_address(str_until(inner, ']'), out);
    }
    colon = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
    if (colon && !memchr(colon + 1, ':', text.n - (size_t)(colon + 1 - text.p)))
        text.n = (size_t)(colon - text.p);
    return network_read_address(text, out);
}

/* Goes on from a trusted proxy to what it, and those before it, have said. */
static void follow(const struct head *head, const struct tuning *tuning,
                   struct network_address *out)
{
    for (int i = head->nr_fields - 1; i >= 0; i--) {
        struct str list = head_value(head, &head->fields[i]);

        if (head->fields[i].id != FIELD_X_FORWARDED_FOR)
            continue;
        while (list.n > 0) {
            struct network_address entry;

            if (!read_entry(cut_last(&list), &entry))
                return;
            *out = entry;
            /* Where every client is a proxy, only its own word counts: the others wrote what they
             * liked. */
            if (!network_list_has(tuning->trusted, tuning->nr_trusted, &entry))
                return;
        }
    }
}

bool callerkey_address(const struct head *head, const struct request_caller *from,
                       const struct tuning *tuning, struct network_address *out)
{
    if (!network_read_address(from->address, out))
        return false;
    if (from->is_trusted)
        follow(head, tuning, out);
    return true;
}

static bool take_address(struct callerkey *out, const struct alias_source *source,
                         const struct head *head, const struct request_caller *from,
                         const struct tuning *tuning)
{
    struct network_address address;

    if (!from || !callerkey_address(head, from, tuning, &address))
        return false;
    network_cut(&address, source->ipv4_bits, source->ipv6_bits);
    out->key = (struct str){out->text, (size_t)network_write_address(&address, out->text)};
    return true;
}

/* ---- The whole ------------------------------------------------------------------------------- */

bool callerkey_find(struct callerkey *out, const struct alias_sticky *sticky,
                    const struct head *head, const struct request_caller *from,
                    const struct tuning *tuning)
{
    out->key = STR("");
    out->block = NULL;
    for (int i = 0; i < sticky->nr_sources && out->key.n == 0; i++) {
        const struct alias_source *source = &sticky->sources[i];

        if (source->kind == ALIAS_SOURCE_HEADER)
            out->key = find_field(head, source->name);
        else if (source->kind == ALIAS_SOURCE_COOKIE)
            out->key = find_cookie(head, source->name);
        else if (source->kind == ALIAS_SOURCE_CLIENT_ADDRESS)
            (void)take_address(out, source, head, from, tuning);
        else if (!take_parameter(out, find_parameter(head_query(head), source->name)))
            return false;
    }
    if (out->key.n == 0)
        callerkey_fini(out);
    return out->key.n > 0;
}

void callerkey_fini(struct callerkey *key)
{
    free(key->block);
    key->block = NULL;
}
