/* The exposition: which lines there are and what they say, that every family is whole and in one
 * piece, and promtool's verdict. */
#include "metrics/expose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Two workers; hello:live at 95/5 over 1 and 2, of which 1 has traffic, idle:live without any, and
 * hello's 2 called directly. */
struct world {
    struct metrics *metrics;
    uint32_t live1, live2, idle, direct;
    struct expose_share shares[4];
    struct expose_evalue evalues[2];
    struct expose_use uses[5];
    struct expose_endpoint endpoints[2];
    uint64_t checks[METRICS_CHECK_COUNT];
    struct expose_facts facts;
    char *text;
    size_t length;
};

static void count_traffic(struct world *w)
{
    struct metrics_worker *a = metrics_worker(w->metrics, 0), *b = metrics_worker(w->metrics, 1);
    struct metrics_cell *cell = metrics_cell(a, w->live1);

    metrics_add(&cell->picks, 10);
    metrics_add(&cell->ended, 7);
    metrics_add(&cell->responses[2], 5);
    metrics_add(&cell->responses[0], 2);
    metrics_add(&cell->errors[METRICS_ERROR_CONNECT_TIMEOUT], 2);
    metrics_observe(cell, 250);
    metrics_observe(cell, 800);
    cell = metrics_cell(b, w->live1);
    metrics_add(&cell->picks, 4);
    metrics_add(&cell->ended, 4);
    metrics_add(&cell->responses[5], 1);
    metrics_add(&cell->retries, 6);
    metrics_observe(cell, 99000000);
    metrics_add(&metrics_cell(b, w->direct)->runs, 3);
    metrics_add(&metrics_cell(a, w->direct)->pinned, 4);
    metrics_add(&metrics_cell(b, w->direct)->pinned, 5);
    metrics_add(&metrics_cell(b, w->direct)->overrides, 6);
    metrics_add(&metrics_pool(a, 7)->connections[METRICS_IDLE], 2);
    metrics_add(&metrics_pool(b, 7)->connections[METRICS_IDLE], 1);
    metrics_add(&metrics_pool(b, 9)->connections[METRICS_ACTIVE], 5);
    metrics_add(&metrics_pool(b, 9)->opened, 40);
    metrics_add(&metrics_pool(b, 300)->opened, 2);
    metrics_add(&a->rejections[METRICS_REJECTION_NOT_FOUND], 1);
    metrics_add(&b->rejections[METRICS_REJECTION_NOT_FOUND], 1);
    metrics_add(&a->client_connections, 11);
    metrics_add(&b->requests, 21);
}

static void build(struct world *w)
{
    struct str hello = STR("hello"), live = STR("live");

    memset(w, 0, sizeof(*w));
    w->metrics = metrics_make(2);
    assert_non_null(w->metrics);
    w->live1 = metrics_series_get(w->metrics, hello, live, STR("1"));
    w->live2 = metrics_series_get(w->metrics, hello, live, STR("2"));
    w->idle = metrics_series_get(w->metrics, STR("idle"), live, STR("$LATEST"));
    w->direct = metrics_series_get(w->metrics, hello, STR(""), STR("2"));
    metrics_series_get(w->metrics, hello, STR(""), STR("1"));
    w->shares[0] = (struct expose_share){w->live1, 0.95};
    w->shares[1] = (struct expose_share){w->live2, 0.05};
    w->shares[2] = (struct expose_share){w->idle, 1};
    w->shares[3] = (struct expose_share){METRICS_NO_SERIES, 0.5};
    w->evalues[0] = (struct expose_evalue){hello, live, 0};
    w->evalues[1] = (struct expose_evalue){STR("idle"), live, 1e6}; /* a logarithm */
    /* Version 1 has two endpoints at one address and one at another; version 2 shares it; 3 was
     * never used. */
    w->uses[0] = (struct expose_use){hello, STR("1"), 7};
    w->uses[1] = (struct expose_use){hello, STR("1"), 9};
    w->uses[2] = (struct expose_use){hello, STR("1"), 7};
    w->uses[3] = (struct expose_use){hello, STR("2"), 9};
    w->uses[4] = (struct expose_use){hello, STR("3"), 11};
    w->checks[METRICS_CHECK_TIMEOUT] = 4;
    w->endpoints[0] = (struct expose_endpoint){.function = hello,
                                               .version = STR("1"),
                                               .endpoint = STR("http://127.0.0.1:9001/a\"b\\c"),
                                               .is_up = true,
                                               .checks = w->checks};
    w->endpoints[1] = (struct expose_endpoint){.function = hello,
                                               .version = STR("2"),
                                               .endpoint = STR("http://127.0.0.1:9002"),
                                               .may_be_ejected = true,
                                               .is_ejected = true,
                                               .ejections = 6};
    w->facts = (struct expose_facts){
        .version = "1.2.3",
        .generation = 42,
        .reloads_ok = 3,
        .reloads_rejected = 1,
        .start_time_seconds = 1767225600.25,
        .access_log_lost = 17,
        .process_log_lost = 18,
        .nr_shares = 4,
        .shares = w->shares,
        .nr_evalues = 2,
        .evalues = w->evalues,
        .nr_uses = 5,
        .uses = w->uses,
        .nr_endpoints = 2,
        .endpoints = w->endpoints,
    };
}

static int setup(void **state)
{
    static struct world w;

    build(&w);
    count_traffic(&w);
    w.text = expose_text(w.metrics, &w.facts, &w.length);
    assert_non_null(w.text);
    assert_int_equal(strlen(w.text), w.length);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    free(w->text);
    metrics_free(&w->metrics);
    return 0;
}

/* By memory functions: with strict checks of strings AddressSanitizer would look through all of the
 * text for each of its lines. */
static bool begins(const struct world *w, const char *p, const char *start)
{
    size_t n = strlen(start);

    return (size_t)(w->text + w->length - p) >= n && memcmp(p, start, n) == 0;
}

static const char *next_line(const struct world *w, const char *p)
{
    const char *end = memchr(p, '\n', (size_t)(w->text + w->length - p));

    assert_non_null(end);
    return end + 1;
}

/* How many lines of the text are this one. */
static int count_line(const struct world *w, const char *line)
{
    int nr = 0;

    for (const char *p = w->text; p < w->text + w->length; p = next_line(w, p))
        nr += begins(w, p, line) && p[strlen(line)] == '\n';
    return nr;
}

static int count_starts(const struct world *w, const char *start)
{
    int nr = 0;

    for (const char *p = w->text; p < w->text + w->length; p = next_line(w, p))
        nr += begins(w, p, start);
    return nr;
}

static void assert_line(const struct world *w, const char *line)
{
    if (count_line(w, line) != 1)
        print_error("not exactly once: %s\n%s", line, w->text);
    assert_int_equal(count_line(w, line), 1);
}

#define LIVE1 "function=\"hello\",alias=\"live\",version=\"1\""

static void picks_are_shown_for_what_is_configured_or_was_touched(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_invocations_total{" LIVE1 "} 14");
    assert_line(w, "weir_invocations_total{function=\"hello\",alias=\"live\",version=\"2\"} 0");
    assert_line(w,
                "weir_invocations_total{function=\"idle\",alias=\"live\",version=\"$LATEST\"} 0");
    assert_line(w, "weir_invocations_total{function=\"hello\",alias=\"\",version=\"2\"} 0");
    assert_int_equal(count_starts(w, "weir_invocations_total{"), 4);
}

static void weights_are_ratios(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_alias_weight_ratio{" LIVE1 "} 0.95");
    assert_line(w, "weir_alias_weight_ratio{function=\"hello\",alias=\"live\",version=\"2\"} 0.05");
    assert_line(w,
                "weir_alias_weight_ratio{function=\"idle\",alias=\"live\",version=\"$LATEST\"} 1");
    assert_int_equal(count_starts(w, "weir_alias_weight_ratio{"), 3);
    assert_line(w, "weir_split_evalue{function=\"hello\",alias=\"live\"} 1");
    assert_line(w, "weir_split_evalue{function=\"idle\",alias=\"live\"} 1.01423e+304");
}

static void results_are_summed_over_the_workers(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_invocations_in_flight{" LIVE1 "} 3");
    assert_line(w, "weir_responses_total{" LIVE1 ",code=\"2xx\"} 5");
    assert_line(w, "weir_responses_total{" LIVE1 ",code=\"4xx\"} 0");
    assert_line(w, "weir_responses_total{" LIVE1 ",code=\"5xx\"} 1");
    assert_line(w, "weir_responses_total{" LIVE1 ",code=\"none\"} 2");
    assert_int_equal(count_starts(w, "weir_responses_total{" LIVE1 ",code=\"1xx\""), 0);
    assert_line(w, "weir_errors_total{" LIVE1 ",reason=\"connect_timeout\"} 2");
    assert_int_equal(count_starts(w, "weir_errors_total{"), 1);
    assert_line(w, "weir_upstream_retries_total{" LIVE1 "} 6");
    assert_line(w,
                "weir_failover_invocations_total{function=\"hello\",alias=\"\",version=\"2\"} 3");
    assert_line(w, "weir_pinned_total{function=\"hello\",alias=\"\",version=\"2\"} 9");
    assert_int_equal(count_starts(w, "weir_pinned_total{"), 1);
    assert_line(w, "weir_overrides_total{function=\"hello\",alias=\"\",version=\"2\"} 6");
    assert_int_equal(count_starts(w, "weir_overrides_total{"), 1);
}

static void the_histogram_is_cumulative(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_invocation_duration_seconds_bucket{" LIVE1 ",le=\"0.00025\"} 1");
    assert_line(w, "weir_invocation_duration_seconds_bucket{" LIVE1 ",le=\"0.0005\"} 1");
    assert_line(w, "weir_invocation_duration_seconds_bucket{" LIVE1 ",le=\"0.001\"} 2");
    assert_line(w, "weir_invocation_duration_seconds_bucket{" LIVE1 ",le=\"60\"} 2");
    assert_line(w, "weir_invocation_duration_seconds_bucket{" LIVE1 ",le=\"+Inf\"} 3");
    assert_line(w, "weir_invocation_duration_seconds_sum{" LIVE1 "} 99.00105");
    assert_line(w, "weir_invocation_duration_seconds_count{" LIVE1 "} 3");
    assert_int_equal(count_starts(w, "weir_invocation_duration_seconds_bucket{" LIVE1),
                     METRICS_BUCKET_COUNT);
}

static void pools_count_once_per_version_that_uses_them(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_upstream_connections{function=\"hello\",version=\"1\",state=\"idle\"} 3");
    assert_line(w,
                "weir_upstream_connections{function=\"hello\",version=\"1\",state=\"active\"} 5");
    assert_line(
        w, "weir_upstream_connections{function=\"hello\",version=\"1\",state=\"connecting\"} 0");
    assert_line(w,
                "weir_upstream_connections{function=\"hello\",version=\"2\",state=\"active\"} 5");
    assert_int_equal(count_starts(w, "weir_upstream_connections{function=\"hello\",version=\"3\""),
                     0);
    assert_line(w, "weir_upstream_connections_opened_total 42");
    assert_line(w, "weir_endpoint_up{function=\"hello\",version=\"1\","
                   "endpoint=\"http://127.0.0.1:9001/a\\\"b\\\\c\"} 1");
    assert_line(
        w,
        "weir_endpoint_up{function=\"hello\",version=\"2\",endpoint=\"http://127.0.0.1:9002\"} 0");
}

static void checks_and_ejections_are_shown_where_there_can_be_any(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_health_checks_total{function=\"hello\",version=\"1\","
                   "endpoint=\"http://127.0.0.1:9001/a\\\"b\\\\c\",result=\"ok\"} 0");
    assert_line(w, "weir_health_checks_total{function=\"hello\",version=\"1\","
                   "endpoint=\"http://127.0.0.1:9001/a\\\"b\\\\c\",result=\"timeout\"} 4");
    assert_int_equal(count_starts(w, "weir_health_checks_total{"), 2);
    assert_line(w, "weir_endpoint_ejected{function=\"hello\",version=\"2\","
                   "endpoint=\"http://127.0.0.1:9002\"} 1");
    assert_int_equal(count_starts(w, "weir_endpoint_ejected{"), 1);
    assert_line(w, "weir_ejections_total{function=\"hello\",version=\"2\","
                   "endpoint=\"http://127.0.0.1:9002\"} 6");
    assert_int_equal(count_starts(w, "weir_ejections_total{"), 1);
}

static void facts_and_the_workers_numbers_are_shown(void **state)
{
    const struct world *w = *state;

    assert_line(w, "weir_build_info{version=\"1.2.3\"} 1");
    assert_line(w, "weir_workers 2");
    assert_line(w, "weir_table_generation 42");
    assert_line(w, "weir_table_reloads_total{result=\"ok\"} 3");
    assert_line(w, "weir_table_reloads_total{result=\"rejected\"} 1");
    assert_line(w, "weir_access_log_lost_lines_total 17");
    assert_line(w, "weir_log_lost_lines_total 18");
    assert_line(w, "weir_rejected_requests_total{reason=\"not_found\"} 2");
    assert_int_equal(count_starts(w, "weir_rejected_requests_total{"), METRICS_REJECTION_COUNT);
    assert_line(w, "weir_client_connections 11");
    assert_line(w, "weir_requests_total 21");
    assert_line(w, "process_start_time_seconds 1767225600.25");
}

/* The number in the one line that begins with the name, -1 where there is none. */
static double value_of(const struct world *w, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = w->text; *p; p = strchr(p, '\n') + 1)
        if (strncmp(p, name, n) == 0 && p[n] == ' ')
            return strtod(p + n, NULL);
    return -1;
}

static void the_process_tells_what_the_system_knows(void **state)
{
    const struct world *w = *state;

    assert_true(value_of(w, "process_cpu_seconds_total") > 0);
    assert_true(value_of(w, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(w, "process_virtual_memory_bytes") >=
                value_of(w, "process_resident_memory_bytes"));
    assert_true(value_of(w, "process_open_fds") >= 3);
    assert_true(value_of(w, "process_max_fds") >= value_of(w, "process_open_fds"));
    assert_true(value_of(w, "process_threads") >= 1);
}

static void an_open_descriptor_counts_as_one(void **state)
{
    struct world *w = *state;
    double before = value_of(w, "process_open_fds");
    int fd = dup(1);

    assert_true(fd >= 0);
    free(w->text);
    w->text = expose_text(w->metrics, &w->facts, &w->length);
    close(fd);
    assert_non_null(w->text);
    assert_true(value_of(w, "process_open_fds") == before + 1);
}

/* Every sample belongs to the family whose HELP and TYPE came last, and no family comes twice. */
static void families_are_whole_and_come_once(void **state)
{
    const struct world *w = *state;
    char family[100] = "", start[120];

    for (const char *p = w->text; *p; p = strchr(p, '\n') + 1) {
        if (strncmp(p, "# HELP ", 7) == 0) {
            snprintf(family, sizeof(family), "%.*s", (int)strcspn(p + 7, " "), p + 7);
            snprintf(start, sizeof(start), "# HELP %s ", family);
            assert_int_equal(count_starts(w, start), 1);
            p = strchr(p, '\n') + 1;
            snprintf(start, sizeof(start), "# TYPE %s ", family);
            assert_int_equal(strncmp(p, start, strlen(start)), 0);
        } else {
            assert_int_equal(strncmp(p, family, strlen(family)), 0);
        }
    }
}

/* Writes the text to a command's standard input; returns its exit status. */
static int pipe_to(const char *command, const char *text, size_t length)
{
    FILE *to = popen(command, "w");
    int status;

    assert_non_null(to);
    assert_int_equal(fwrite(text, 1, length, to), length);
    status = pclose(to);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void promtool_finds_no_fault(void **state)
{
    struct world *w = *state;
    struct expose_facts empty = {.version = ""};
    char *text;
    size_t length;

    if (pipe_to("promtool --version >/dev/null 2>&1", "", 0) != 0) {
        print_message("promtool (Debian package prometheus) is not installed\n");
        skip();
    }
    assert_int_equal(pipe_to("promtool check metrics", w->text, w->length), 0);
    text = expose_text(w->metrics, &empty, &length);
    assert_non_null(text);
    assert_int_equal(pipe_to("promtool check metrics", text, length), 0);
    free(text);
}

static char *read_documentation(void)
{
    static char text[1 << 17];
    FILE *file = fopen(DOCS "/metrics.md", "r");
    size_t n;

    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

/* Each label has a row of a table of its own. */
static void expect_rows(const char *text, const char *const *labels, int nr)
{
    char quoted[120];

    for (int i = 0; i < nr; i++) {
        snprintf(quoted, sizeof(quoted), "\n| `%s` | ", labels[i]);
        if (!strstr(text, quoted))
            print_error("docs/metrics.md does not explain %s\n", quoted);
        assert_non_null(strstr(text, quoted));
    }
}

static void the_documentation_lists_every_metric_and_reason(void **state)
{
    const struct world *w = *state;
    const char *text = read_documentation();
    char quoted[120];

    for (const char *p = strstr(w->text, "# HELP "); p; p = strstr(p + 1, "# HELP ")) {
        snprintf(quoted, sizeof(quoted), "`%.*s`", (int)strcspn(p + 7, " "), p + 7);
        if (!strstr(text, quoted))
            print_error("docs/metrics.md does not name %s\n", quoted);
        assert_non_null(strstr(text, quoted));
    }
    expect_rows(text, metrics_error_labels, METRICS_ERROR_COUNT);
    expect_rows(text, metrics_rejection_labels, METRICS_REJECTION_COUNT);
    expect_rows(text, metrics_check_labels, METRICS_CHECK_COUNT);
}

static void a_share_named_twice_is_shown_once(void **state)
{
    struct world *w = *state;

    w->shares[3] = w->shares[1];
    free(w->text);
    w->text = expose_text(w->metrics, &w->facts, &w->length);
    assert_non_null(w->text);
    assert_line(w, "weir_alias_weight_ratio{function=\"hello\",alias=\"live\",version=\"2\"} 0.05");
    assert_line(w, "weir_invocations_total{function=\"hello\",alias=\"live\",version=\"2\"} 0");
}

static void a_hundred_thousand_idle_aliases_are_two_lines_each(void **state)
{
    enum { NR = 100000 };
    struct metrics *metrics = metrics_make(4);
    struct expose_share *shares = calloc(NR, sizeof(*shares));
    struct expose_facts facts = {.version = "1", .nr_shares = NR, .shares = shares};
    struct timespec begin, end;
    struct world big = {0};
    char name[32];

    (void)state;
    assert_non_null(metrics);
    assert_non_null(shares);
    for (unsigned i = 0; i < NR; i++) {
        int n = snprintf(name, sizeof(name), "function-%u", i);

        shares[i].series =
            metrics_series_get(metrics, (struct str){name, (size_t)n}, STR("live"), STR("1"));
        shares[i].ratio = 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    big.text = expose_text(metrics, &facts, &big.length);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_non_null(big.text);
    print_message("%zu bytes in %.1f ms\n", big.length,
                  (double)(end.tv_sec - begin.tv_sec) * 1e3 +
                      (double)(end.tv_nsec - begin.tv_nsec) / 1e6);
    assert_int_equal(count_starts(&big, "weir_invocations_total{"), NR);
    assert_int_equal(count_starts(&big, "weir_alias_weight_ratio{"), NR);
    assert_int_equal(count_starts(&big, "weir_responses_total{"), 0);
    free(big.text);
    free(shares);
    metrics_free(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(picks_are_shown_for_what_is_configured_or_was_touched,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(weights_are_ratios, setup, teardown),
        cmocka_unit_test_setup_teardown(results_are_summed_over_the_workers, setup, teardown),
        cmocka_unit_test_setup_teardown(the_histogram_is_cumulative, setup, teardown),
        cmocka_unit_test_setup_teardown(pools_count_once_per_version_that_uses_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(checks_and_ejections_are_shown_where_there_can_be_any,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(facts_and_the_workers_numbers_are_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(the_process_tells_what_the_system_knows, setup, teardown),
        cmocka_unit_test_setup_teardown(an_open_descriptor_counts_as_one, setup, teardown),
        cmocka_unit_test_setup_teardown(families_are_whole_and_come_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_documentation_lists_every_metric_and_reason, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(promtool_finds_no_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(a_share_named_twice_is_shown_once, setup, teardown),
        cmocka_unit_test(a_hundred_thousand_idle_aliases_are_two_lines_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
