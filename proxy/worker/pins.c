/* A set-associative table with striped locks. */
#include "proxy/worker/pins.h"

#include <stdlib.h>

#include "base/prng.h"
#include "router/hash.h"

void pins_init(struct pins *pins)
{
    struct prng rng;

    prng_init(&rng);
    pins->seed = prng_next(&rng);
    pins->sets = calloc(PINS_SETS, sizeof(pins->sets[0]));
    for (int i = 0; i < PINS_LOCKS; i++)
        pthread_mutex_init(&pins->locks[i].mutex, NULL);
}

void pins_fini(struct pins *pins)
{
    for (int i = 0; i < PINS_LOCKS; i++)
        pthread_mutex_destroy(&pins->locks[i].mutex);
    free(pins->sets);
    pins->sets = NULL;
}

uint64_t pins_key(const struct pins *pins, struct str id, struct str function, struct str qualifier)
{
    /* Lengths count: no two parts can be cut otherwise. */
    uint64_t key = hash_str(id, pins->seed + id.n);

    return hash_str(qualifier, hash_str(function, key + function.n) + qualifier.n);
}

static pthread_mutex_t *lock_of(struct pins *pins, uint64_t key)
{
    return &pins->locks[key % PINS_LOCKS].mutex;
}

static struct pin *find(struct pins *pins, uint64_t key, uint64_t now_ms)
{
    struct pin *set = pins->sets[key % PINS_SETS];

    for (int i = 0; i < PINS_WAYS; i++)
        if (set[i].key == key && set[i].until_ms > now_ms)
            return &set[i];
    return NULL;
}

bool pins_find(struct pins *pins, uint64_t key, uint64_t now_ms, uint64_t *version)
{
    const struct pin *pin;

    if (!pins->sets)
        return false;
    pthread_mutex_lock(lock_of(pins, key));
    pin = find(pins, key, now_ms);
    if (pin)
        *version = pin->version;
    pthread_mutex_unlock(lock_of(pins, key));
    return pin != NULL;
}

void pins_keep(struct pins *pins, uint64_t key, uint64_t now_ms, uint64_t until_ms,
               uint64_t version)
{
    struct pin *set, *oldest;

    if (!pins->sets)
        return;
    set = oldest = pins->sets[key % PINS_SETS];
    pthread_mutex_lock(lock_of(pins, key));
    for (int i = 1; i < PINS_WAYS; i++)
        if (set[i].until_ms < oldest->until_ms)
            oldest = &set[i];
    if (!find(pins, key, now_ms))
        *oldest = (struct pin){key, until_ms, version};
    pthread_mutex_unlock(lock_of(pins, key));
}

bool pins_version(struct str name, uint64_t *version)
{
    uint64_t n = 0;

    if (str_eq(name, STR("$LATEST"))) {
        *version = 0;
        return true;
    }
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < '0' || name.p[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(name.p[i] - '0'), &n))
            return false;
    *version = n;
    return name.n > 0 && n > 0;
}
