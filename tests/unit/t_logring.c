/* The ring of lines: what goes in comes out, whole and in order, at every fill level, over many
 * laps, from one thread to another. */
#include "metrics/logring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

enum { SIZE = 4 * LOGRING_LINE_MAX };

/* Line number i: its length depends on it, its bytes do. */
static size_t line_length(uint64_t i)
{
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u >> 40;

    return i % 50 == 0 ? LOGRING_LINE_MAX : 1 + x % 900;
}

static char line_byte(uint64_t i, size_t k)
{
    return (char)('a' + (i * 7 + k) % 26);
}

static bool put_line(struct logring *ring, uint64_t i, bool *is_half_full)
{
    char *p = logring_reserve(ring);
    size_t n = line_length(i);

    if (!p)
        return false;
    for (size_t k = 0; k + 1 < n; k++)
        p[k] = line_byte(i, k);
    p[n - 1] = '\n';
    *is_half_full = logring_commit(ring, p + n);
    return true;
}

/* Reads bytes as they come and compares them with the lines expected. */
struct reader {
    uint64_t line;
    size_t offset;
    uint64_t wrong, bytes;
};

static void take(struct reader *r, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = line_length(r->line);
        char expected = r->offset == length - 1 ? '\n' : line_byte(r->line, r->offset);

        r->wrong += p[i] != expected;
        r->bytes++;
        if (++r->offset == length) {
            r->line++;
            r->offset = 0;
        }
    }
}

/* Takes up to n bytes of what there is; returns how many that was. */
static size_t read_some(struct logring *ring, struct reader *r, size_t n)
{
    struct iovec pieces[2];
    int nr = logring_peek(ring, pieces);
    size_t taken = 0;

    for (int i = 0; i < nr && taken < n; i++) {
        size_t part = pieces[i].iov_len < n - taken ? pieces[i].iov_len : n - taken;

        take(r, pieces[i].iov_base, part);
        taken += part;
    }
    if (nr > 0)
        logring_consume(ring, taken);
    return taken;
}

static void an_empty_ring_has_nothing(void **state)
{
    struct logring ring;
    struct iovec pieces[2];

    (void)state;
    assert_int_equal(logring_init(&ring, SIZE), 0);
    assert_int_equal(logring_peek(&ring, pieces), 0);
    logring_fini(&ring);
}

static void a_full_ring_refuses_and_recovers(void **state)
{
    struct logring ring;
    struct reader reader = {0};
    bool is_half_full = false, was_half_full = false;
    uint64_t lines = 0, bytes = 0;

    (void)state;
    assert_int_equal(logring_init(&ring, SIZE), 0);
    while (put_line(&ring, lines, &is_half_full)) {
        bytes += line_length(lines++);
        assert_int_equal(is_half_full, bytes > SIZE / 2);
        was_half_full |= is_half_full;
    }
    assert_true(was_half_full);
    assert_in_range(bytes, SIZE - LOGRING_LINE_MAX + 1, SIZE);
    assert_int_equal(read_some(&ring, &reader, SIZE * 2), bytes);
    assert_int_equal(reader.line, lines);
    assert_true(put_line(&ring, lines, &is_half_full));
    assert_false(is_half_full);
    logring_fini(&ring);
}

static bool put_bytes(struct logring *ring, char c, size_t n)
{
    char *p = logring_reserve(ring);

    if (!p)
        return false;
    memset(p, c, n);
    logring_commit(ring, p + n);
    return true;
}

/* The line that runs on behind the ring's end must stay until all of it was read. */
static void a_lap_waits_for_the_one_before_to_be_read_to_its_end(void **state)
{
    enum { HALF_READ = 1000 };
    struct logring ring;
    struct iovec pieces[2];

    (void)state;
    assert_int_equal(logring_init(&ring, SIZE), 0);
    for (int i = 0; i < 3; i++)
        assert_true(put_bytes(&ring, 'a', LOGRING_LINE_MAX));
    assert_int_equal(logring_peek(&ring, pieces), 1);
    logring_consume(&ring, 3 * LOGRING_LINE_MAX);
    assert_true(put_bytes(&ring, 'b', LOGRING_LINE_MAX - 100));
    assert_true(put_bytes(&ring, 'c', LOGRING_LINE_MAX));
    assert_int_equal(logring_peek(&ring, pieces), 1);
    logring_consume(&ring, LOGRING_LINE_MAX - 100 + HALF_READ);
    for (int i = 0; i < 3; i++)
        assert_true(put_bytes(&ring, 'd', LOGRING_LINE_MAX));
    assert_false(put_bytes(&ring, 'e', LOGRING_LINE_MAX));
    assert_int_equal(logring_peek(&ring, pieces), 2);
    assert_int_equal(pieces[0].iov_len, LOGRING_LINE_MAX - HALF_READ);
    assert_int_equal(pieces[1].iov_len, 3 * LOGRING_LINE_MAX);
    for (size_t i = 0; i < pieces[0].iov_len; i++)
        assert_int_equal(((char *)pieces[0].iov_base)[i], 'c');
    logring_consume(&ring, pieces[0].iov_len + pieces[1].iov_len);
    assert_int_equal(logring_peek(&ring, pieces), 0);
    assert_true(put_bytes(&ring, 'e', LOGRING_LINE_MAX));
    logring_fini(&ring);
}

static void any_mix_of_writes_and_reads_keeps_the_bytes(void **state)
{
    struct logring ring;
    struct reader reader = {0};
    struct prng random;
    uint64_t lines = 0, refused = 0;
    bool is_half_full;

    (void)state;
    prng_seed(&random, 17);
    assert_int_equal(logring_init(&ring, SIZE), 0);
    for (int step = 0; step < 60000; step++) {
        /* Now the one is faster, now the other. */
        bool is_writing = prng_below(&random, 100) < (step / 5000 % 2 ? 75u : 25u);

        if (is_writing && put_line(&ring, lines, &is_half_full))
            lines++;
        else if (is_writing)
            refused++;
        else
            read_some(&ring, &reader, 1 + prng_below(&random, 1 + prng_below(&random, 9000)));
        assert_int_equal(reader.wrong, 0);
    }
    while (read_some(&ring, &reader, SIZE) > 0)
        assert_int_equal(reader.wrong, 0);
    assert_int_equal(reader.line, lines);
    assert_int_equal(reader.offset, 0);
    assert_true(refused > 100);
    assert_true(reader.bytes > 100 * (uint64_t)SIZE);
    logring_fini(&ring);
}

/* ---- Two threads -------------------------------------------------------------------------------
 */

enum { LINES = 60000 };

static void *write_all(void *arg)
{
    struct logring *ring = arg;
    bool is_half_full;

    for (uint64_t i = 0; i < LINES; i++)
        while (!put_line(ring, i, &is_half_full))
            sched_yield();
    return NULL;
}

static void lines_pass_from_thread_to_thread(void **state)
{
    struct logring ring;
    struct reader reader = {0};
    pthread_t writer;

    (void)state;
    assert_int_equal(logring_init(&ring, SIZE), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_all, &ring), 0);
    while (reader.line < LINES && reader.wrong == 0)
        if (read_some(&ring, &reader, 5000) == 0)
            sched_yield();
    assert_int_equal(reader.wrong, 0);
    pthread_join(writer, NULL);
    logring_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_has_nothing),
        cmocka_unit_test(a_full_ring_refuses_and_recovers),
        cmocka_unit_test(a_lap_waits_for_the_one_before_to_be_read_to_its_end),
        cmocka_unit_test(any_mix_of_writes_and_reads_keeps_the_bytes),
        cmocka_unit_test(lines_pass_from_thread_to_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
