/* What an exchange leaves in the access log, and in the counters of the version that was picked. */
#include "proxy/exchange/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "metrics/accesslog.h"
#include "proxy/exchange/exchange.h"

static char path[64];
static struct accesslog *access_log;
static struct worker worker;
static struct exchange ex;
static struct function function;
static struct version versions[2];
static struct endpoint endpoint;
static struct target *target;
static char line[4096];

static int set_up(void **state)
{
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/weir-record-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    access_log = accesslog_open(path, ACCESSLOG_JSON, 1);
    assert_non_null(access_log);
    target = calloc(1, sizeof(*target) + 2 * sizeof(struct arm));
    assert_non_null(target);
    worker = (struct worker){.log = accesslog_ring(access_log, 0)};
    function.name = STR("hello");
    versions[0].name = STR("1");
    versions[1].name = STR("2");
    endpoint = (struct endpoint){.url = (char *)"http://127.0.0.1:9001", .url_len = 21};
    target->function = &function;
    target->alias = STR("live");
    target->nr_arms = 2;
    target->arms[0].version = &versions[0];
    target->arms[1].version = &versions[1];
    ex = (struct exchange){
        .worker = &worker,
        .target = target,
        .minor = 1,
        .status = 200,
        .outcome = METRICS_ERROR_NONE,
        .start_us = clock_us(),
        .start_unix_us = 1767323045000000,
        .connect_us = -1,
        .head_us = -1,
        .from = {.address = STR("192.0.2.1")},
        .request = {.method = STR("POST"), .target = STR("/a?b"), .host = STR("h")}};
    memcpy(ex.request.request_id, "01234567-89ab-cdef-0123-456789abcdef", ID_LENGTH);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (access_log)
        accesslog_close(&access_log);
    free(target);
    return unlink(path);
}

/* Ends the exchange, and reads its line. */
static void end(const char *outcome)
{
    FILE *file;

    record_end(&ex, str_of(outcome));
    accesslog_close(&access_log);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    assert_int_equal(fgetc(file), EOF); /* one line */
    fclose(file);
}

static bool has(const char *member)
{
    return strstr(line, member) != NULL;
}

static void run_on(int picked, int run)
{
    ex.arm = &target->arms[picked];
    ex.run = &target->arms[run];
    ex.endpoint = &endpoint;
}

static void an_exchange_is_told_whole(void **state)
{
    (void)state;
    run_on(0, 0);
    ex.picked = PICKED_EXACT;
    ex.bytes_in = 7;
    ex.bytes_out = 11;
    end("ok");
    assert_true(has("\"request_id\":\"01234567-89ab-cdef-0123-456789abcdef\""));
    assert_true(has("\"function\":\"hello\",\"alias\":\"live\",\"version\":\"1\""));
    assert_true(has("\"endpoint\":\"http://127.0.0.1:9001\""));
    assert_true(has("\"pick\":\"exact\""));
    assert_true(has("\"status\":200") && has("\"outcome\":\"ok\""));
    assert_true(has("HTTP/1.1") && has("192.0.2.1") && has("/a?b"));
    assert_false(has("executed_version") || has("trace_id") || has("\"attempt\""));
}

static void another_version_that_ran_is_named_beside_the_one_that_was_picked(void **state)
{
    (void)state;
    run_on(0, 1);
    end("ok");
    assert_true(has("\"version\":\"1\"") && has("\"executed_version\":\"2\""));
    assert_false(has("\"pick\""));
}

/* A dry run, and what is throttled. */
static void where_nothing_was_picked_no_version_is_named(void **state)
{
    (void)state;
    ex.status = 429;
    end("overload");
    assert_true(has("\"function\":\"hello\",\"alias\":\"live\""));
    assert_true(has("\"outcome\":\"overload\""));
    assert_false(has("version\":") || has("\"endpoint\"") || has("\"pick\""));
}

static void where_nothing_was_found_nothing_is_named(void **state)
{
    (void)state;
    ex.target = NULL;
    ex.minor = 0;
    end("not_found");
    assert_false(has("\"function\"") || has("\"alias\"") || has("version\":"));
    assert_true(has("HTTP/1.0"));
}

static void attempts_traces_and_keys_are_told_where_there_are_some(void **state)
{
    const struct exchange_order order = {.attempt = 3};

    (void)state;
    run_on(1, 1);
    ex.order = &order;
    ex.picked = PICKED_STICKY;
    ex.caller.is_known = true;
    ex.caller.hash = 0x0123456789abcdef;
    ex.request.has_trace_id = true;
    memcpy(ex.request.trace_id, "0af7651916cd43dd8448eb211c80319c", REQUEST_TRACE_ID);
    end("ok");
    assert_true(has("\"attempt\":3") && has("\"pick\":\"sticky\""));
    assert_true(has("0af7651916cd43dd8448eb211c80319c"));
    assert_true(has("0123456789abcdef"));
}

static void the_picked_version_counts_it_once(void **state)
{
    struct metrics_cell *cell = calloc(1, sizeof(*cell));

    (void)state;
    assert_non_null(cell);
    run_on(0, 0);
    ex.cell = cell;
    ex.status = 502;
    ex.outcome = METRICS_ERROR_RESET;
    end("reset");
    assert_int_equal(metrics_read(&cell->responses[5]), 1);
    assert_int_equal(metrics_read(&cell->errors[METRICS_ERROR_RESET]), 1);
    assert_int_equal(metrics_read(&cell->failed), 1);
    free(cell);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exchange_is_told_whole),
        TEST(another_version_that_ran_is_named_beside_the_one_that_was_picked),
        TEST(where_nothing_was_picked_no_version_is_named),
        TEST(where_nothing_was_found_nothing_is_named),
        TEST(attempts_traces_and_keys_are_told_where_there_are_some),
        TEST(the_picked_version_counts_it_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
