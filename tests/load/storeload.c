/* How many events a second does the store in a folder take? Threads put events as workers do, each
 * with so many on their way, and wait until they are told durable.
 *
 *     build/weir-store-load FOLDER [threads] [on their way, each] [payload bytes] [seconds]
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "store/store_sqlite.h"

enum { THREADS_MAX = 64 };

struct slot {
    struct store_event_put put; /* first */
    atomic_bool is_used;
    uint64_t began_us;
};

struct putter {
    pthread_t thread;
    sem_t free;
    struct slot *slots;
};

static struct store *store;
static int nr_ways;
static size_t payload_bytes;
static char *payload;
static atomic_bool is_over;
static _Atomic uint64_t nr_told, nr_failed, sum_us, most_us;

static void on_told(struct store_event_put *put, enum store_outcome outcome, const char *reason)
{
    struct slot *slot = (struct slot *)put;
    uint64_t us = clock_us() - slot->began_us;

    if (outcome != STORE_DONE && atomic_fetch_add(&nr_failed, 1) == 0)
        fprintf(stderr, "failed: %s\n", reason);
    atomic_fetch_add(&nr_told, 1);
    atomic_fetch_add(&sum_us, us);
    if (us > atomic_load(&most_us))
        atomic_store(&most_us, us);
    atomic_store(&slot->is_used, false);
    sem_post(put->context);
}

static void put_one(struct putter *putter)
{
    struct slot *slot = putter->slots;

    while (atomic_load(&slot->is_used))
        slot++;
    atomic_store(&slot->is_used, true);
    slot->began_us = clock_us();
    slot->put = (struct store_event_put){
        .event = {.id = "0f8fad5b-d9cb-469f-a165-70867728950e",
                  .function = "hello",
                  .qualifier = "live",
                  .version = "1",
                  .meta = "{\"traceparent\": "
                          "\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"}",
                  .payload = payload,
                  .payload_bytes = payload_bytes,
                  .accepted_ms = clock_unix_us() / 1000,
                  .due_ms = clock_unix_us() / 1000},
        .done = on_told,
        .context = &putter->free};
    if (store_event_put(store, &slot->put)) {
        atomic_store(&slot->is_used, false);
        sem_post(&putter->free);
        sched_yield();
    }
}

static void *run(void *context)
{
    struct putter *putter = context;

    while (!atomic_load(&is_over)) {
        sem_wait(&putter->free);
        put_one(putter);
    }
    return NULL;
}

static long argument(int argc, char **argv, int i, long otherwise)
{
    return argc > i ? strtol(argv[i], NULL, 10) : otherwise;
}

static void report(int nr_threads, double seconds)
{
    printf(
        "%d threads, %d on their way each, %zu bytes: %.0f events a second; told after %.2f ms on "
        "average, %.1f at most; %llu failed\n",
        nr_threads, nr_ways, payload_bytes, (double)nr_told / seconds,
        (double)sum_us / (double)nr_told / 1000, (double)most_us / 1000,
        (unsigned long long)nr_failed);
}

int main(int argc, char **argv)
{
    static struct putter putters[THREADS_MAX];
    int nr_threads = (int)argument(argc, argv, 2, 2);
    long seconds = argument(argc, argv, 5, 5);
    struct store_reason reason;
    struct store_host host;
    uv_loop_t loop;
    uint64_t began_us;

    nr_ways = (int)argument(argc, argv, 3, 64);
    payload_bytes = (size_t)argument(argc, argv, 4, 1000);
    payload = calloc(1, payload_bytes + 1);
    if (argc < 2 || nr_threads < 1 || nr_threads > THREADS_MAX || !payload ||
        uv_loop_init(&loop) < 0) {
        fprintf(stderr, "usage: weir-store-load FOLDER [threads] [on their way, each] [payload "
                        "bytes] [seconds]\n");
        return 2;
    }
    host = (struct store_host){.loop = &loop};
    store = store_sqlite_open(&host, argv[1], &reason);
    if (!store) {
        fprintf(stderr, "%s\n", reason.text);
        return 1;
    }
    began_us = clock_us();
    for (int i = 0; i < nr_threads; i++) {
        putters[i].slots = calloc((size_t)nr_ways, sizeof(putters[i].slots[0]));
        sem_init(&putters[i].free, 0, (unsigned)nr_ways);
        if (!putters[i].slots || pthread_create(&putters[i].thread, NULL, run, &putters[i]))
            return 1;
    }
    sleep((unsigned)seconds);
    atomic_store(&is_over, true);
    report(nr_threads, (double)(clock_us() - began_us) / 1e6);
    for (int i = 0; i < nr_threads; i++)
        pthread_join(putters[i].thread, NULL);
    store_close(&store);
    uv_run(&loop, UV_RUN_DEFAULT);
    return nr_failed > 0;
}
