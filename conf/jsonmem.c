/* A block that most trees fit in, used again for each; what does not fit is allocated and freed
 * with its tree. jansson has one set of functions for all threads, so these look at what the thread
 * is about. */
#include "conf/jsonmem.h"

#include <jansson.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = _Alignof(max_align_t) };

struct surplus {
    struct surplus *next;
    _Alignas(ALIGNMENT) char bytes[];
};

struct jsonmem_pool {
    struct surplus *surplus;
    size_t used;
    _Alignas(ALIGNMENT) char block[BLOCK_BYTES];
};

static _Thread_local struct jsonmem_pool *current;
static _Thread_local bool has_run_out;

static void *take(struct jsonmem_pool *pool, size_t n)
{
    size_t whole = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct surplus *surplus;

    if (whole >= n && whole <= BLOCK_BYTES - pool->used) {
        pool->used += whole;
        return pool->block + pool->used - whole;
    }
    surplus = n <= SIZE_MAX - sizeof(*surplus) ? malloc(sizeof(*surplus) + n) : NULL;
    if (!surplus)
        return NULL;
    surplus->next = pool->surplus;
    pool->surplus = surplus;
    return surplus->bytes;
}

static void *allocate(size_t n)
{
    void *p = current ? take(current, n) : malloc(n);

    has_run_out |= !p;
    return p;
}

/* While a tree of the pool is made, what is freed is the pool's. */
static void release(void *p)
{
    if (!current)
        free(p);
}

static void empty(struct jsonmem_pool *pool)
{
    while (pool->surplus) {
        struct surplus *surplus = pool->surplus;

        pool->surplus = surplus->next;
        free(surplus);
    }
    pool->used = 0;
}

struct jsonmem_pool *jsonmem_pool_make(void)
{
    struct jsonmem_pool *pool = malloc(sizeof(*pool));

    if (!pool)
        return NULL;
    pool->surplus = NULL;
    pool->used = 0;
    return pool;
}

void jsonmem_pool_free(struct jsonmem_pool **pool)
{
    if (*pool)
        empty(*pool);
    free(*pool);
    *pool = NULL;
}

static void set_functions(void)
{
    json_set_alloc_funcs(allocate, release);
}

void jsonmem_begin(struct jsonmem_pool *pool)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_functions);
    if (pool)
        empty(pool);
    current = pool;
    has_run_out = false;
}

bool jsonmem_end(void)
{
    current = NULL;
    return has_run_out;
}
