/* Origins are found by all that tells them apart, and get numbers that only ever grow. The registry
 * holds a reference to each, so that nobody else's is the last: pools on workers and tables let go
 * at any time, and what nobody else holds is tidied up here, on the control thread. */
#include "router/registry.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flathash.h"
#include "base/prng.h"
#include "router/hash.h"

enum { TIDY_ORIGINS = 100000 }; /* at a time: some two milliseconds */

struct numbers {
    uint32_t *list, nr, capacity;
};

struct registry {
    struct qsbr *domain;
    struct series_hooks hooks;
    struct logbook *logbook;   /* or NULL; not owned */
    struct wardbook *wardbook; /* likewise */
    _Atomic int slot;          /* -1: none */
    _Atomic uint32_t refs;
    _Atomic uint64_t seed;   /* of the next place */
    pthread_mutex_t lock;    /* of all below */
    uint32_t to_tidy;        /* ids below it may be of origins that nobody wants */
    struct origin **origins; /* by id; NULL where it is gone */
    uint32_t nr_origins, capacity;
    struct flathash by_name;         /* to ids */
    struct numbers names, addresses; /* ids of origins that are names, and of their addresses */
    struct numbers spare;            /* ids to be given to addresses again */
};

static void sweep(struct registry *registry, uint32_t from, uint32_t end);

struct registry *registry_make(struct qsbr *domain, struct series_hooks hooks, uint64_t seed)
{
    struct registry *registry = calloc(1, sizeof(*registry));

    if (!registry)
        return NULL;
    registry->domain = domain;
    registry->hooks = hooks;
    atomic_init(&registry->slot, -1);
    atomic_init(&registry->refs, 1);
    pthread_mutex_init(&registry->lock, NULL);
    atomic_init(&registry->seed, seed);
    return registry;
}

struct registry *registry_ref(struct registry *registry)
{
    atomic_fetch_add_explicit(&registry->refs, 1, memory_order_relaxed);
    return registry;
}

void registry_unref(struct registry **registry)
{
    struct registry *r = *registry;

    *registry = NULL;
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    sweep(r, 0, r->nr_origins);
    pthread_mutex_destroy(&r->lock);
    free(r->origins);
    free(r->names.list);
    free(r->addresses.list);
    free(r->spare.list);
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

void registry_set_logbook(struct registry *registry, struct logbook *logbook)
{
    registry->logbook = logbook;
}

struct logbook *registry_logbook(const struct registry *registry)
{
    return registry->logbook;
}

void registry_set_wardbook(struct registry *registry, struct wardbook *wardbook)
{
    registry->wardbook = wardbook;
}

struct wardbook *registry_wardbook(const struct registry *registry)
{
    return registry->wardbook;
}

void registry_set_slot(struct registry *registry, int slot)
{
    atomic_store(&registry->slot, slot);
}

int registry_slot(const struct registry *registry)
{
    return atomic_load(&registry->slot);
}

uint64_t registry_place(struct registry *registry)
{
    struct prng rng;

    prng_seed(&rng, atomic_fetch_add_explicit(&registry->seed, 1, memory_order_relaxed));
    return prng_next(&rng);
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

/* ---- Numbers --------------------------------------------------------------------------------- */

static int numbers_add(struct numbers *numbers, uint32_t number)
{
    if (numbers->nr == numbers->capacity) {
        uint32_t capacity = numbers->capacity ? numbers->capacity * 2 : 16;
        uint32_t *list = realloc(numbers->list, capacity * sizeof(list[0]));

        if (!list)
            return -1;
        numbers->list = list;
        numbers->capacity = capacity;
    }
    numbers->list[numbers->nr++] = number;
    return 0;
}

/* ---- Origins --------------------------------------------------------------------------------- */

/* What an origin is told apart by; strings empty where there are none. */
struct identity {
    bool is_tls, verify, is_srv;
    uint16_t port;
    uint32_t parent;
    struct str host, name, address, ca_file, server_name, certificate, key;
};

static void set_tls(struct identity *id, bool is_tls, const struct origin_tls *tls)
{
    id->is_tls = is_tls;
    if (!is_tls)
        return;
    id->verify = tls->verify;
    id->ca_file = str_of(tls->ca_file);
    id->server_name = str_of(tls->server_name);
    id->certificate = str_of(tls->certificate);
    id->key = str_of(tls->key);
}

static struct identity identity_of_origin(const struct origin *origin)
{
    struct identity id = {
        .port = origin->port, .parent = origin->parent, .host = str_of(origin->host)};

    if (origin->name) {
        id.name = str_of(origin->name->text);
        id.is_srv = origin->name->is_srv;
    }
    if (origin->parent != ORIGIN_NO_PARENT)
        id.address = str_of(origin->address);
    set_tls(&id, origin->is_tls, &origin->tls);
    return id;
}

static uint32_t tag_of(const struct identity *id)
{
    uint64_t hash = (uint64_t)id->parent << 24 | (uint64_t)id->port << 3 |
                    (uint64_t)id->is_srv << 2 | (uint64_t)id->is_tls << 1 | id->verify;
    const struct str *const parts[] = {&id->host,    &id->name,        &id->address,
                                       &id->ca_file, &id->server_name, &id->certificate,
                                       &id->key};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        hash = hash_str(*parts[i], hash);
    return (uint32_t)hash;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return a->is_tls == b->is_tls && a->verify == b->verify && a->is_srv == b->is_srv &&
           a->port == b->port && a->parent == b->parent && str_eq(a->host, b->host) &&
           str_eq(a->name, b->name) && str_eq(a->address, b->address) &&
           str_eq(a->ca_file, b->ca_file) && str_eq(a->server_name, b->server_name) &&
           str_eq(a->certificate, b->certificate) && str_eq(a->key, b->key);
}

static void free_name(struct origin_name *name)
{
    if (!name)
        return;
    assert(!atomic_load_explicit(&name->set, memory_order_relaxed) && !name->follower);
    free(name->text);
    free(name);
}

static void free_origin(struct origin *origin)
{
    if (!origin)
        return;
    if (origin->address != origin->host)
        free((char *)(uintptr_t)origin->address);
    free_name(origin->name);
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

/* An address of a name is spoken to by the name. Tells whether there was memory. */
static bool name_places(struct origin *origin, const struct identity *id, const char *authority)
{
    origin->host = copy(id->host);
    origin->authority = authority ? strdup(authority) : make_authority(id);
    if (id->name.n > 0) {
        origin->name = calloc(1, sizeof(*origin->name));
        if (origin->name) {
            origin->name->is_srv = id->is_srv;
            origin->name->text = copy(id->name);
        }
    } else {
        origin->address = id->address.n > 0 ? copy(id->address) : origin->host;
    }
    origin->authority_len = origin->authority ? (uint32_t)strlen(origin->authority) : 0;
    return origin->host && origin->authority &&
           (origin->name ? origin->name->text : origin->address) != NULL;
}

/* authority NULL: made from the identity. */
static struct origin *make_origin(const struct identity *id, uint32_t number, const char *authority)
{
    struct origin *origin = calloc(1, sizeof(*origin));

    if (!origin)
        return NULL;
    origin->id = number;
    origin->parent = id->parent;
    origin->is_tls = id->is_tls;
    origin->port = id->port;
    origin->tls.verify = id->verify;
    atomic_init(&origin->refs, 1);
    if (name_places(origin, id, authority) && copy_option(id->ca_file, &origin->tls.ca_file) &&
        copy_option(id->server_name, &origin->tls.server_name) &&
        copy_option(id->certificate, &origin->tls.certificate) &&
        copy_option(id->key, &origin->tls.key))
        return origin;
    free_origin(origin);
    return NULL;
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

static struct origin *find(const struct registry *registry, const struct identity *id, uint32_t tag)
{
    uint32_t at;

    for (uint32_t n = flathash_first(&registry->by_name, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&registry->by_name, tag, &at)) {
        struct identity other = identity_of_origin(registry->origins[n]);

        if (is_same(id, &other))
            return registry->origins[n];
    }
    return NULL;
}

/* Addresses come and go with the answers of DNS, so their numbers are given out again. */
static uint32_t next_number(const struct registry *registry, const struct identity *id)
{
    const struct numbers *spare = &registry->spare;

    return id->parent != ORIGIN_NO_PARENT && spare->nr > 0 ? spare->list[spare->nr - 1]
                                                           : registry->nr_origins;
}

static void keep_number(struct registry *registry, struct origin *origin)
{
    registry->origins[origin->id] = origin;
    if (origin->id == registry->nr_origins)
        registry->nr_origins++;
    else
        registry->spare.nr--;
}

/* The list on which the origin stands besides, or NULL. */
static struct numbers *list_of(struct registry *registry, const struct origin *origin)
{
    if (origin->name)
        return &registry->names;
    return origin->parent == ORIGIN_NO_PARENT ? NULL : &registry->addresses;
}

static int enlist(struct numbers *list, struct origin *origin)
{
    origin->listed_at = list->nr;
    return numbers_add(list, origin->id);
}

/* The last one takes its place. What was not put on the list changes nothing. */
static void unlist(struct registry *registry, struct numbers *list, const struct origin *origin)
{
    uint32_t last;

    if (origin->listed_at >= list->nr)
        return;
    last = list->list[--list->nr];
    list->list[origin->listed_at] = last;
    if (last != origin->id)
        registry->origins[last]->listed_at = origin->listed_at;
}

static struct origin *find_or_make_locked(struct registry *registry, const struct identity *id,
                                          const char *authority)
{
    uint32_t tag = tag_of(id);
    struct origin *origin = find(registry, id, tag);
    struct numbers *list;

    if (origin)
        return origin_ref(origin);
    if (grow_origins(registry))
        return NULL;
    origin = make_origin(id, next_number(registry, id), authority);
    if (!origin)
        return NULL;
    list = list_of(registry, origin);
    if ((list && enlist(list, origin)) || flathash_add(&registry->by_name, tag, origin->id)) {
        if (list)
            unlist(registry, list, origin);
        free_origin(origin);
        return NULL;
    }
    keep_number(registry, origin);
    return origin_ref(origin);
}

static struct origin *find_or_make(struct registry *registry, const struct identity *id,
                                   const char *authority)
{
    struct origin *origin;

    pthread_mutex_lock(&registry->lock);
    origin = find_or_make_locked(registry, id, authority);
    pthread_mutex_unlock(&registry->lock);
    return origin;
}

struct origin *registry_origin(struct registry *registry, const struct origin_spec *spec)
{
    struct identity id = {.is_srv = spec->is_srv,
                          .port = spec->port,
                          .parent = ORIGIN_NO_PARENT,
                          .host = spec->host,
                          .name = spec->name};

    set_tls(&id, spec->is_tls, &spec->tls);
    return find_or_make(registry, &id, NULL);
}

struct origin *registry_address(struct registry *registry, const struct origin *name,
                                struct str address, uint16_t port)
{
    struct identity id = {
        .port = port, .parent = name->id, .host = str_of(name->host), .address = address};

    assert(name->name);
    set_tls(&id, name->is_tls, &name->tls);
    return find_or_make(registry, &id, name->authority);
}

struct origin *registry_next_name(struct registry *registry, uint32_t *at)
{
    struct origin *origin = NULL;

    pthread_mutex_lock(&registry->lock);
    if (*at < registry->names.nr)
        origin = registry->origins[registry->names.list[(*at)++]];
    pthread_mutex_unlock(&registry->lock);
    return origin;
}

/* Nobody can take a new reference meanwhile: to do that one has to hold one, or a table or set that
 * does. The same for pools. */
static bool is_over(const struct origin *origin)
{
    return !origin_is_wanted(origin) &&
           atomic_load_explicit(&origin->pools, memory_order_acquire) == 0;
}

static void drop(struct registry *registry, struct origin *origin)
{
    struct identity id = identity_of_origin(origin);
    struct numbers *list = list_of(registry, origin);

    flathash_remove(&registry->by_name, tag_of(&id), origin->id);
    if (list)
        unlist(registry, list, origin);
    registry->origins[origin->id] = NULL;
    if (origin->parent != ORIGIN_NO_PARENT)
        (void)!numbers_add(&registry->spare, origin->id); /* else it is lost, which is all right */
    free_origin(origin);
}

static void sweep(struct registry *registry, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++)
        if (registry->origins[i] && is_over(registry->origins[i]))
            drop(registry, registry->origins[i]);
}

void registry_want_tidy(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->to_tidy = registry->nr_origins;
    pthread_mutex_unlock(&registry->lock);
}

void registry_tidy(struct registry *registry)
{
    uint32_t end, from;

    pthread_mutex_lock(&registry->lock);
    end = registry->to_tidy;
    from = end > TIDY_ORIGINS ? end - TIDY_ORIGINS : 0;
    sweep(registry, from, end);
    registry->to_tidy = from;
    pthread_mutex_unlock(&registry->lock);
}

void registry_sweep_addresses(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    for (uint32_t i = registry->addresses.nr; i-- > 0;) {
        struct origin *origin = registry->origins[registry->addresses.list[i]];

        if (is_over(origin))
            drop(registry, origin);
    }
    pthread_mutex_unlock(&registry->lock);
}
