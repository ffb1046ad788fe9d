/* Origins are found by all that tells them apart, and get numbers that only ever grow. The registry
 * holds a reference to each, so that nobody else's is the last: pools on workers let go at any
 * time, and what nobody else holds is swept up here, on the control thread. */
#include "router/registry.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "router/flathash.h"
#include "router/hash.h"

struct registry {
    struct qsbr *domain;
    struct series_hooks hooks;
    uint32_t refs;
    struct origin **origins; /* by id; NULL where it is gone */
    uint32_t nr_origins, capacity;
    struct flathash by_name; /* to ids */
};

struct registry *registry_make(struct qsbr *domain, struct series_hooks hooks)
{
    struct registry *registry = calloc(1, sizeof(*registry));

    if (!registry)
        return NULL;
    registry->domain = domain;
    registry->hooks = hooks;
    registry->refs = 1;
    return registry;
}

struct registry *registry_ref(struct registry *registry)
{
    registry->refs++;
    return registry;
}

void registry_unref(struct registry **registry)
{
    struct registry *r = *registry;

    *registry = NULL;
    if (!r || --r->refs > 0)
        return;
    registry_sweep(r);
    free(r->origins);
    flathash_fini(&r->by_name);
    free(r);
}

void registry_free(struct registry **registry)
{
    registry_unref(registry);
}

struct qsbr *registry_domain(const struct registry *registry)
{
    return registry->domain;
}

uint32_t registry_series_get(struct registry *registry, struct str function, struct str alias,
                             struct str version)
{
    return registry->hooks.get(registry->hooks.context, function, alias, version);
}

void registry_series_release(struct registry *registry, uint32_t series)
{
    registry->hooks.release(registry->hooks.context, series);
}

/* ---- Origins --------------------------------------------------------------------------------- */

/* What an origin is told apart by; strings empty where there are none. */
struct identity {
    bool is_tls, verify;
    uint16_t port;
    struct str host, ca_file, server_name, certificate, key;
};

static struct identity identity_of(bool is_tls, struct str host, uint16_t port,
                                   const struct origin_tls *tls)
{
    struct identity id = {.is_tls = is_tls, .port = port, .host = host};

    if (!is_tls)
        return id;
    id.verify = tls->verify;
    id.ca_file = str_of(tls->ca_file);
    id.server_name = str_of(tls->server_name);
    id.certificate = str_of(tls->certificate);
    id.key = str_of(tls->key);
    return id;
}

static uint32_t tag_of(const struct identity *id)
{
    uint64_t hash = (uint64_t)id->port << 2 | (uint64_t)id->is_tls << 1 | id->verify;
    const struct str *const parts[] = {&id->host, &id->ca_file, &id->server_name, &id->certificate,
                                       &id->key};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        hash = hash_str(*parts[i], hash);
    return (uint32_t)hash;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return a->is_tls == b->is_tls && a->verify == b->verify && a->port == b->port &&
           str_eq(a->host, b->host) && str_eq(a->ca_file, b->ca_file) &&
           str_eq(a->server_name, b->server_name) && str_eq(a->certificate, b->certificate) &&
           str_eq(a->key, b->key);
}

static struct identity identity_of_origin(const struct origin *origin)
{
    return identity_of(origin->is_tls, str_of(origin->host), origin->port, &origin->tls);
}

static void free_origin(struct origin *origin)
{
    if (!origin)
        return;
    free(origin->host);
    free(origin->authority);
    free(origin->tls.ca_file);
    free(origin->tls.server_name);
    free(origin->tls.certificate);
    free(origin->tls.key);
    free(origin);
}

/* A terminated copy, or NULL. */
static char *copy(struct str s)
{
    return strndup(s.n > 0 ? s.p : "", s.n);
}

/* As copy, but an empty string is no string. Tells whether there was memory. */
static bool copy_option(struct str s, char **out)
{
    *out = s.n > 0 ? copy(s) : NULL;
    return s.n == 0 || *out;
}

/* RFC 9110 section 7.2 by way of RFC 3986 section 3.2: brackets around IPv6, no port where it is
 * the scheme's. */
static char *make_authority(const struct identity *id)
{
    bool is_ipv6 = id->host.n > 0 && memchr(id->host.p, ':', id->host.n);
    size_t size = id->host.n + sizeof("[]:65535");
    char *authority = malloc(size);
    int n;

    if (!authority)
        return NULL;
    n = snprintf(authority, size, is_ipv6 ? "[%.*s]" : "%.*s", STR_ARG(id->host));
    if (id->port != (id->is_tls ? 443 : 80))
        snprintf(authority + n, size - (size_t)n, ":%u", (unsigned)id->port);
    return authority;
}

static struct origin *make_origin(const struct identity *id, uint32_t number)
{
    struct origin *origin = calloc(1, sizeof(*origin));

    if (!origin)
        return NULL;
    origin->id = number;
    origin->is_tls = id->is_tls;
    origin->port = id->port;
    origin->host = copy(id->host);
    origin->authority = make_authority(id);
    origin->authority_len = origin->authority ? (uint32_t)strlen(origin->authority) : 0;
    origin->tls.verify = id->verify;
    atomic_init(&origin->refs, 1);
    if (!copy_option(id->ca_file, &origin->tls.ca_file) ||
        !copy_option(id->server_name, &origin->tls.server_name) ||
        !copy_option(id->certificate, &origin->tls.certificate) ||
        !copy_option(id->key, &origin->tls.key) || !origin->host || !origin->authority) {
        free_origin(origin);
        return NULL;
    }
    return origin;
}

static int grow_origins(struct registry *registry)
{
    uint32_t capacity = registry->capacity ? registry->capacity * 2 : 16;
    struct origin **origins;

    if (registry->nr_origins < registry->capacity)
        return 0;
    origins = realloc(registry->origins, capacity * sizeof(origins[0]));
    if (!origins)
        return -1;
    registry->origins = origins;
    registry->capacity = capacity;
    return 0;
}

struct origin *registry_origin(struct registry *registry, bool is_tls, struct str host,
                               uint16_t port, const struct origin_tls *tls)
{
    struct identity id = identity_of(is_tls, host, port, tls);
    uint32_t tag = tag_of(&id), at;
    struct origin *origin;

    for (uint32_t n = flathash_first(&registry->by_name, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&registry->by_name, tag, &at)) {
        struct identity other = identity_of_origin(registry->origins[n]);

        if (is_same(&id, &other))
            return origin_ref(registry->origins[n]);
    }
    if (grow_origins(registry))
        return NULL;
    origin = make_origin(&id, registry->nr_origins);
    if (!origin)
        return NULL;
    if (flathash_add(&registry->by_name, tag, origin->id)) {
        free_origin(origin);
        return NULL;
    }
    registry->origins[registry->nr_origins++] = origin;
    return origin_ref(origin);
}

void registry_sweep(struct registry *registry)
{
    for (uint32_t i = 0; i < registry->nr_origins; i++) {
        struct origin *origin = registry->origins[i];
        struct identity id;

        /* Nobody can take a new reference meanwhile: to do that one has to hold one, or a table
         * that does. The same for pools. */
        if (!origin || origin_is_wanted(origin) ||
            atomic_load_explicit(&origin->pools, memory_order_acquire) > 0)
            continue;
        id = identity_of_origin(origin);
        flathash_remove(&registry->by_name, tag_of(&id), i);
        registry->origins[i] = NULL;
        free_origin(origin);
    }
}
