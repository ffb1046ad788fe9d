/* weir.db over many lives: a process that changes rows, takes events and ends them is killed at any
 * moment; the next finds all that was told, and of what was not told yet each change as a whole or
 * not at all. */
#include "store/store_sqlite.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/prng.h"
#include "store/statedir.h"
#include "store_folder.h"

enum { LIVES = 12, EVENTS = 20000, AT_ONCE = 40, ROWS = 3 };

enum fate { FATE_NONE, FATE_PUT, FATE_TOLD, FATE_ENDING, FATE_OVER };

/* What the processes say that they did: shared by all. */
static struct oracle {
    _Atomic long asked, told; /* numbers of changes */
    _Atomic int nr_events;
    _Atomic int fates[EVENTS]; /* of event i, whose id is its number */
    _Atomic int nr_steps;      /* of this life */
} * oracle;

static char *folder;

/* ---- A life ---------------------------------------------------------------------------------- */

static uv_loop_t loop;
static struct store *store;

static void ask(void);

static void on_changed(void *context, enum store_outcome outcome, const char *reason)
{
    (void)reason;
    if (outcome != STORE_DONE)
        _exit(1);
    atomic_store(&oracle->told, (long)(intptr_t)context);
    atomic_fetch_add(&oracle->nr_steps, 1);
    ask();
}

/* The value and all rows get the number of the change. Two are on their way at a time. */
static void ask(void)
{
    long number = atomic_fetch_add(&oracle->asked, 1) + 1;
    char text[24], name[ROWS][8];
    struct store_edit edits[ROWS + 1];

    snprintf(text, sizeof(text), "%ld", number);
    edits[0] = (struct store_edit){.kind = STORE_SET, .name = "number", .text = text};
    for (int i = 0; i < ROWS; i++) {
        snprintf(name[i], sizeof(name[i]), "r%d", i);
        edits[i + 1] = (struct store_edit){.kind = STORE_PUT,
                                           .row = {.kind = "alias",
                                                   .function = "f",
                                                   .name = name[i],
                                                   .revision = text,
                                                   .document = text}};
    }
    if (store_change(store, edits, ROWS + 1, on_changed, (void *)(intptr_t)number))
        _exit(2);
}

static void on_over(void *context, enum store_outcome outcome, const char *reason)
{
    (void)reason;
    if (outcome != STORE_DONE)
        _exit(3);
    atomic_store(&oracle->fates[(intptr_t)context], FATE_OVER);
}

struct event {
    struct store_event_put put; /* first */
    char text[24];
    int number;
    atomic_bool is_free;
};

static void on_put(struct store_event_put *put, enum store_outcome outcome, const char *reason)
{
    struct event *event = (struct event *)put;

    (void)reason;
    if (outcome != STORE_DONE)
        _exit(4);
    atomic_store(&oracle->fates[event->number], FATE_TOLD);
    atomic_fetch_add(&oracle->nr_steps, 1);
    /* Every other one is over soon. */
    if (event->number % 2) {
        atomic_store(&oracle->fates[event->number], FATE_ENDING);
        if (store_event_delete(store, put->event.key, on_over, (void *)(intptr_t)event->number))
            _exit(5);
    }
    atomic_store(&event->is_free, true);
}

static void put_one(struct event *event)
{
    int number = atomic_load(&oracle->nr_events);

    if (number == EVENTS || !atomic_exchange(&event->is_free, false))
        return;
    atomic_store(&oracle->nr_events, number + 1);
    event->number = number;
    snprintf(event->text, sizeof(event->text), "%d", number);
    event->put = (struct store_event_put){.event = {.id = event->text,
                                                    .function = "f",
                                                    .payload = event->text,
                                                    .payload_bytes = strlen(event->text),
                                                    .accepted_ms = 1 + (uint64_t)number},
                                          .done = on_put};
    atomic_store(&oracle->fates[number], FATE_PUT);
    if (store_event_put(store, &event->put))
        _exit(6);
}

static void *put_events(void *context)
{
    static struct event events[AT_ONCE];

    for (int i = 0; i < AT_ONCE; i++)
        atomic_init(&events[i].is_free, true);
    for (;;) {
        for (int i = 0; i < AT_ONCE; i++)
            put_one(&events[i]);
        usleep(100);
    }
    return context;
}

static void open_store(void)
{
    const struct store_host host = {.loop = &loop};
    struct store_reason reason;

    if (uv_loop_init(&loop) || statedir_lock(folder, &reason) < 0)
        _exit(7);
    store = store_sqlite_open(&host, folder, &reason);
    if (!store) {
        fprintf(stderr, "%s\n", reason.text);
        _exit(8);
    }
}

static void live(void)
{
    pthread_t thread;

    open_store();
    ask();
    ask();
    if (pthread_create(&thread, NULL, put_events, NULL))
        _exit(9);
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(10);
}

/* ---- What is found --------------------------------------------------------------------------- */

struct found {
    long number;
    int nr_rows, nr_events;
    bool is_bad;
    bool seen[EVENTS];
};

static void on_row(void *context, const struct store_row *row)
{
    struct found *found = context;

    found->nr_rows++;
    found->is_bad |= strtol(row->revision, NULL, 10) != found->number ||
                     strcmp(row->revision, row->document) != 0;
}

static void on_event(void *context, const struct store_event *event)
{
    struct found *found = context;
    long number = strtol(event->id, NULL, 10);

    found->nr_events++;
    found->is_bad |= found->seen[number] || event->accepted_ms != 1 + (uint64_t)number;
    found->seen[number] = true;
}

/* In a process of its own, as the next weir would be. */
static void look(void)
{
    static struct found found;
    struct store_reason reason;
    char *text = NULL;
    int nr_lost = 0, nr_undead = 0;

    open_store();
    if (store_value_now(store, "number", &text, &reason) < 0)
        _exit(20);
    found.number = text ? strtol(text, NULL, 10) : 0;
    if (store_load_now(store, on_row, &found, &reason) < 0 ||
        store_events_now(store, on_event, &found, &reason) < 0)
        _exit(21);
    if (found.number < atomic_load(&oracle->told) || found.number > atomic_load(&oracle->asked))
        _exit(22);
    if (found.is_bad || found.nr_rows != (found.number > 0 ? ROWS : 0))
        _exit(23);
    for (int i = 0; i < EVENTS; i++) {
        int fate = atomic_load(&oracle->fates[i]);

        nr_lost += fate == FATE_TOLD && !found.seen[i];
        nr_undead += (fate == FATE_OVER || fate == FATE_NONE) && found.seen[i];
    }
    if (nr_lost || nr_undead || store_nr_events(store) != (uint64_t)found.nr_events)
        _exit(24);
    store_close(&store);
    _exit(0);
}

static void kill_soon(pid_t pid, struct prng *rng)
{
    int nr = 1 + (int)prng_below(rng, 300), status;

    while (atomic_load(&oracle->nr_steps) < nr && waitpid(pid, &status, WNOHANG) == 0)
        usleep(50 + prng_below(rng, 300));
    if (atomic_load(&oracle->nr_steps) < nr)
        fail_msg("a life ended by itself: %x", (unsigned)status);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static pid_t begin(void (*what)(void))
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        what();
    return pid;
}

static void test_nothing_that_was_told_is_lost(void **state)
{
    struct prng rng;
    int status;

    (void)state;
    folder = folder_make();
    oracle = mmap(NULL, sizeof(*oracle), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(oracle != MAP_FAILED);
    prng_seed(&rng, 8);
    for (int i = 0; i < LIVES; i++) {
        atomic_store(&oracle->nr_steps, 0);
        kill_soon(begin(live), &rng);
        assert_int_equal(waitpid(begin(look), &status, 0) > 0, 1);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("after life %d: %x", i, (unsigned)status);
    }
    assert_true(atomic_load(&oracle->told) > 0);
    munmap(oracle, sizeof(*oracle));
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_that_was_told_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
