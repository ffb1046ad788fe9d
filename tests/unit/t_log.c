/* The process log: what a line looks like, what is dropped, and that one event is one line whatever
 * it quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

enum { OUTPUT_MAX = 65536 };

/* What goes to standard error between the two calls. */
struct capture {
    FILE *file;
    int saved;
    char text[OUTPUT_MAX];
};

static struct capture capture;

static void capture_begin(void)
{
    capture.file = tmpfile();
    assert_non_null(capture.file);
    fflush(stderr);
    capture.saved = dup(STDERR_FILENO);
    assert_true(capture.saved >= 0);
    assert_true(dup2(fileno(capture.file), STDERR_FILENO) >= 0);
}

static const char *capture_end(void)
{
    ssize_t n;

    dup2(capture.saved, STDERR_FILENO);
    close(capture.saved);
    n = pread(fileno(capture.file), capture.text, sizeof(capture.text) - 1, 0);
    fclose(capture.file);
    assert_true(n >= 0);
    capture.text[n] = '\0';
    return capture.text;
}

/* Checks "YYYY-MM-DDTHH:MM:SS.mmmZ " and returns what follows. */
static const char *skip_time(const char *line)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z ";

    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == '0')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], shape[i]);
    }
    return line + sizeof(shape) - 1;
}

static void a_line_has_time_level_and_message(void **state)
{
    const char *text;

    (void)state;
    capture_begin();
    log_info("table %s in force, generation %d", "t.json", 7);
    text = capture_end();
    assert_string_equal(skip_time(text), "info table t.json in force, generation 7\n");
}

static void levels_above_the_set_one_are_dropped(void **state)
{
    const char *text;

    (void)state;
    log_set_level(LOG_WARNING);
    capture_begin();
    log_error("a");
    log_warning("b");
    log_info("c");
    log_debug("d");
    text = capture_end();
    log_set_level(LOG_INFO);
    assert_non_null(strstr(text, "error a\n"));
    assert_non_null(strstr(text, "warning b\n"));
    assert_null(strstr(text, "info"));
    assert_null(strstr(text, "debug"));
}

static void every_level_can_be_let_through(void **state)
{
    const char *text;

    (void)state;
    log_set_level(LOG_DEBUG);
    capture_begin();
    log_debug("x");
    text = capture_end();
    log_set_level(LOG_INFO);
    assert_string_equal(skip_time(text), "debug x\n");
}

static void level_names_are_read_exactly(void **state)
{
    static const char *const wrong[] = {"", "Error", "warn", "infos", "trace", "info "};
    enum log_level level = LOG_DEBUG;

    (void)state;
    assert_true(log_parse_level("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_true(log_parse_level("warning", &level));
    assert_int_equal(level, LOG_WARNING);
    assert_true(log_parse_level("info", &level));
    assert_int_equal(level, LOG_INFO);
    assert_true(log_parse_level("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(log_parse_level(wrong[i], &level));
}

static void a_quoted_line_break_does_not_begin_a_line(void **state)
{
    const char *text;

    (void)state;
    capture_begin();
    log_warning("%s", "bad\nheader\r\x1b[2J\x7f é");
    text = capture_end();
    assert_string_equal(skip_time(text), "warning bad?header??[2J? é\n");
}

static void a_long_message_is_cut_and_says_so(void **state)
{
    char *message = malloc(10001);
    const char *text;

    (void)state;
    assert_non_null(message);
    memset(message, 'm', 10000);
    message[10000] = '\0';
    capture_begin();
    log_error("%s", message);
    text = capture_end();
    free(message);
    assert_int_equal(strlen(text), 4096);
    assert_string_equal(text + 4096 - 5, "m...\n");
}

static void the_longest_message_is_not_cut(void **state)
{
    char message[4096];
    size_t room = 4096 - strlen("0000-00-00T00:00:00.000Z error ") - 1;
    const char *text;

    (void)state;
    memset(message, 'm', room);
    message[room] = '\0';
    capture_begin();
    log_error("%s", message);
    text = capture_end();
    assert_int_equal(strlen(text), 4096);
    assert_string_equal(text + 4096 - 4, "mmm\n");
}

static void between_start_and_stop_a_thread_writes_the_lines_in_order(void **state)
{
    const char *text;

    (void)state;
    capture_begin();
    log_error("before");
    assert_int_equal(log_start(), 0);
    log_error("first");
    log_warning("second");
    assert_true(log_flush(20000));
    log_info("third");
    log_stop(20000);
    log_error("after");
    text = capture_end();
    for (int i = 0; i < 5; i++) {
        static const char *const expected[] = {"error before\n", "error first\n",
                                               "warning second\n", "info third\n", "error after\n"};
        text = skip_time(text);
        assert_memory_equal(text, expected[i], strlen(expected[i]));
        text += strlen(expected[i]);
    }
    assert_string_equal(text, "");
    assert_int_equal(log_lost(), 0);
}

static void a_stalled_standard_error_keeps_nobody_waiting(void **state)
{
    int fds[2], saved = dup(STDERR_FILENO);

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
    assert_int_equal(log_start(), 0);
    for (int i = 0; i < 20000; i++)
        log_error("nobody reads this line, which is number %d", i);
    assert_true(log_lost() > 0);
    log_stop(50);
    log_error("this is lost, too, and does not wait");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

static void a_limited_warning_comes_once_a_second_and_counts_the_others(void **state)
{
    struct log_limit limit = {0};
    const char *text;

    (void)state;
    capture_begin();
    log_warning_limited(&limit, 5000, "TLS with %s failed", "a:1");
    for (uint64_t ms = 5000; ms < 6000; ms += 100)
        log_warning_limited(&limit, ms, "TLS with %s failed", "a:1");
    log_warning_limited(&limit, 6000, "TLS with %s failed", "a:1");
    log_warning_limited(&limit, 7000, "TLS with %s failed", "a:1");
    text = skip_time(capture_end());
    assert_memory_equal(text, "warning TLS with a:1 failed\n", 28);
    text = skip_time(text + 28);
    assert_memory_equal(text,
                        "warning TLS with a:1 failed (and 10 more such since the last line)\n", 67);
    assert_string_equal(skip_time(text + 67), "warning TLS with a:1 failed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_and_message),
        cmocka_unit_test(levels_above_the_set_one_are_dropped),
        cmocka_unit_test(every_level_can_be_let_through),
        cmocka_unit_test(level_names_are_read_exactly),
        cmocka_unit_test(a_quoted_line_break_does_not_begin_a_line),
        cmocka_unit_test(a_long_message_is_cut_and_says_so),
        cmocka_unit_test(the_longest_message_is_not_cut),
        cmocka_unit_test(between_start_and_stop_a_thread_writes_the_lines_in_order),
        cmocka_unit_test(a_limited_warning_comes_once_a_second_and_counts_the_others),
        /* Last: the log stays mute after it. */
        cmocka_unit_test(a_stalled_standard_error_keeps_nobody_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
