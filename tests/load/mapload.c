/* How long does a look-up in a sticky split's map take? Points are random, and each look-up waits for
 * the one before, as a request does for its own.
 *
 *     build/weir-map-load [million look-ups]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "router/stickymap.h"

static struct stickymap *make(int nr)
{
    static const struct str names[] = {STR("1"), STR("2")};
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX];

    for (int i = 0; i < nr; i++)
        pieces[i] = (struct stickymap_piece){
            (uint32_t)((uint64_t)STICKYMAP_ONE * (uint64_t)(i + 1) / (uint64_t)nr),
            (uint16_t)(i % 2)};
    return stickymap_make(names, 2, pieces, nr);
}

/* What the thread has had of a CPU: others on the machine do not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* map NULL: the points alone. */
static double measure(const struct stickymap *map, uint64_t nr)
{
    uint64_t hash = 1, began_ns = cpu_ns();
    volatile uint64_t sum = 0;

    for (uint64_t i = 0; i < nr; i++) {
        int found = map ? stickymap_find(map, stickymap_point(hash)) : (int)(hash >> 63);

        hash = (hash + (uint64_t)found) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    }
    sum = sum + hash;
    return (double)(cpu_ns() - began_ns) / (double)nr;
}

int main(int argc, char **argv)
{
    static const int pieces[] = {1, 2, 5, 16, 37, 142, 1024};
    uint64_t nr = (argc > 1 ? strtoull(argv[1], NULL, 10) : 20) * 1000000;
    double alone = measure(NULL, nr);

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct stickymap *map = make(pieces[i]);

        if (!map)
            return 1;
        printf("%5d pieces: %5.1f ns\n", pieces[i], measure(map, nr) - alone);
        stickymap_unref(&map);
    }
    return 0;
}
