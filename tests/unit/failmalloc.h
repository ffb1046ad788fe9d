/* Allocation failures, one by one: included by a test file, it takes the place of malloc and its
 * family in the whole process, lets the n-th allocation of the calling thread fail, and counts what
 * is allocated and not freed.
 *
 *     for (long n = 1; n < MANY; n++) {
 *         failmalloc_arm(n);
 *         result = what_is_tested();
 *         if (!failmalloc_disarm())
 *             break;                      (nothing failed: all allocations have had their turn)
 *         ... result must be the failure, failmalloc_live() what it was before ...
 *     }
 *
 * Works on glibc and on the sanitizers' allocators. The strdup of a sanitizer does not come by
 * here, so under one the count says nothing and stays 0; leaks are found by the sanitizer itself
 * there. */
#ifndef WEIR_TESTS_UNIT_FAILMALLOC_H
#define WEIR_TESTS_UNIT_FAILMALLOC_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__)
#define FAILMALLOC_WORKS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FAILMALLOC_WORKS 0
#endif
#endif
#ifndef FAILMALLOC_WORKS
#define FAILMALLOC_WORKS 1
#endif

/* Ends the test as skipped where no allocation can be made to fail. */
#define failmalloc_skip()                                                                          \
    do {                                                                                           \
        if (!FAILMALLOC_WORKS)                                                                     \
            skip();                                                                                \
    } while (0)

/* A sanitizer's, where there is one. */
extern void *__interceptor_malloc(size_t n) __attribute__((weak));
extern void *__interceptor_calloc(size_t nr, size_t n) __attribute__((weak));
extern void *__interceptor_realloc(void *p, size_t n) __attribute__((weak));
extern void *__interceptor_memalign(size_t alignment, size_t n) __attribute__((weak));
extern void __interceptor_free(void *p) __attribute__((weak));
/* The C library's own. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t nr, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);
void *memalign(size_t alignment, size_t n);

static atomic_long failmalloc_count;
static _Thread_local long failmalloc_left; /* allocations until the one that fails; 0: none does */
static _Thread_local bool failmalloc_has_failed;

static inline void failmalloc_arm(long n)
{
    failmalloc_has_failed = false;
    failmalloc_left = n;
}

/* Ends it, and tells whether an allocation has failed. */
static inline bool failmalloc_disarm(void)
{
    failmalloc_left = 0;
    return failmalloc_has_failed;
}

static inline long failmalloc_live(void)
{
    return !FAILMALLOC_WORKS || __interceptor_malloc ? 0 : atomic_load(&failmalloc_count);
}

#if FAILMALLOC_WORKS

static bool failmalloc_now(void)
{
    if (failmalloc_left == 0 || --failmalloc_left > 0)
        return false;
    failmalloc_has_failed = true;
    errno = ENOMEM;
    return true;
}

static void *failmalloc_counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&failmalloc_count, 1, memory_order_relaxed);
    return p;
}

void *malloc(size_t n)
{
    if (failmalloc_now())
        return NULL;
    return failmalloc_counted(__interceptor_malloc ? __interceptor_malloc(n) : __libc_malloc(n));
}

void *calloc(size_t nr, size_t n)
{
    if (failmalloc_now())
        return NULL;
    return failmalloc_counted(__interceptor_calloc ? __interceptor_calloc(nr, n)
                                                   : __libc_calloc(nr, n));
}

void *realloc(void *p, size_t n)
{
    void *result;

    if (n > 0 && failmalloc_now())
        return NULL;
    result = __interceptor_realloc ? __interceptor_realloc(p, n) : __libc_realloc(p, n);
    if (!p)
        return failmalloc_counted(result);
    if (n == 0)
        atomic_fetch_sub_explicit(&failmalloc_count, 1, memory_order_relaxed);
    return result;
}

void *memalign(size_t alignment, size_t n)
{
    if (failmalloc_now())
        return NULL;
    return failmalloc_counted(__interceptor_memalign ? __interceptor_memalign(alignment, n)
                                                     : __libc_memalign(alignment, n));
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    void *p = memalign(alignment, n);

    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

void free(void *p)
{
    if (p)
        atomic_fetch_sub_explicit(&failmalloc_count, 1, memory_order_relaxed);
    if (__interceptor_free)
        __interceptor_free(p);
    else
        __libc_free(p);
}

#endif

#endif
