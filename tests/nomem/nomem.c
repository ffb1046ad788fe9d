/* A library to be preloaded (LD_PRELOAD): takes the place of malloc and its family in a whole
 * program, counts what is allocated and not freed, and lets allocations fail when it is told to.
 * Orders and counts stand in a file, named by WEIR_NOMEM, that the test has mapped too; see struct
 * nomem, which tests/system/harness/nomem.py knows as well.
 *
 * Works before glibc's allocator and before AddressSanitizer's; that one wants
 * verify_asan_link_order=0. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct nomem {
    _Atomic int64_t left;   /* allocations until the first that fails; 0: none does */
    _Atomic int64_t run;    /* how many fail from there on */
    _Atomic int64_t failed; /* have failed */
    _Atomic int64_t live;   /* allocated and not freed */
    _Atomic int64_t total;  /* allocations so far */
};

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

static struct nomem until_mapped;
static struct nomem *orders = &until_mapped;

__attribute__((constructor)) static void map_orders(void)
{
    const char *name = getenv("WEIR_NOMEM");
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    void *p = MAP_FAILED;

    if (fd >= 0) {
        p = mmap(NULL, sizeof(struct nomem), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (p == MAP_FAILED)
        _exit(3);
    orders = p;
}

/* Whether this allocation is one that fails. */
static bool has_failed(void)
{
    atomic_fetch_add(&orders->total, 1);
    if (atomic_load(&orders->left) <= 0 || atomic_fetch_sub(&orders->left, 1) > 1)
        return false;
    /* The one that came to 0, or one close behind it: the next fails too as long as the run lasts.
     */
    if (atomic_fetch_sub(&orders->run, 1) > 1)
        atomic_store(&orders->left, 1);
    else
        atomic_store(&orders->left, 0);
    atomic_fetch_add(&orders->failed, 1);
    errno = ENOMEM;
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&orders->live, 1);
    return p;
}

void *malloc(size_t n)
{
    if (has_failed())
        return NULL;
    return counted(__interceptor_malloc ? __interceptor_malloc(n) : __libc_malloc(n));
}

void *calloc(size_t nr, size_t n)
{
    if (has_failed())
        return NULL;
    return counted(__interceptor_calloc ? __interceptor_calloc(nr, n) : __libc_calloc(nr, n));
}

void *realloc(void *p, size_t n)
{
    void *result;

    if (n > 0 && has_failed())
        return NULL;
    result = __interceptor_realloc ? __interceptor_realloc(p, n) : __libc_realloc(p, n);
    if (!p)
        return counted(result);
    if (n == 0)
        atomic_fetch_sub(&orders->live, 1);
    return result;
}

void *memalign(size_t alignment, size_t n)
{
    if (has_failed())
        return NULL;
    return counted(__interceptor_memalign ? __interceptor_memalign(alignment, n)
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
        atomic_fetch_sub(&orders->live, 1);
    if (__interceptor_free)
        __interceptor_free(p);
    else
        __libc_free(p);
}
