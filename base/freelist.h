/* Objects of one size that are used again, so that the hot path allocates nothing. One thread; zero
 * is an empty list.
 *
 * Under AddressSanitizer nothing is kept, so that a use after the end shows. */
#ifndef WEIR_BASE_FREELIST_H
#define WEIR_BASE_FREELIST_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#define FREELIST_KEEPS_NOTHING
#elif defined(__has_feature) /* clang */
#if __has_feature(address_sanitizer)
#define FREELIST_KEEPS_NOTHING
#endif
#endif
#ifdef FREELIST_KEEPS_NOTHING
enum { FREELIST_KEPT_MAX = 0 };
#else
enum { FREELIST_KEPT_MAX = 512 };
#endif

struct freelist {
    void *first; /* each object begins with the next one's address */
    int nr;
};

/* Memory of size bytes (of all objects of this list, at least a pointer's), uninitialised; NULL
 * when out of memory. */
static inline void *freelist_get(struct freelist *list, size_t size)
{
    void *p = list->first;

    if (!p)
        return malloc(size);
    list->first = *(void **)p;
    list->nr--;
    return p;
}

/* Ends the object's use. */
static inline void freelist_put(struct freelist *list, void *p)
{
    if (list->nr >= FREELIST_KEPT_MAX) {
        free(p);
        return;
    }
    *(void **)p = list->first;
    list->first = p;
    list->nr++;
}

/* Frees what is kept. */
static inline void freelist_fini(struct freelist *list)
{
    while (list->first) {
        void *p = list->first;
        list->first = *(void **)p;
        free(p);
    }
    list->nr = 0;
}

#endif
