/* weir-load: calls an HTTP server on many connections, each making one call after another, and
 * counts what came of them. For tests: it is exact about failures and versions, not about speed. It
 * takes commands on standard input, so that a test can change something between two batches, or
 * during one, without the connections being made anew. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "caller.h"
#include "outcome.h"
#include "tests/demo/pattern.h"

enum { EVENTS_MAX = 256, TICK_MS = 500 };

struct options {
    struct caller_plan plan;
    const char *address;
    int port, nr_callers;
    uint64_t requests, timeout_ms;
    bool has_requests;
};

static struct options options = {
    .plan = {.method = "GET", .host = "weir.test", .path = "/", .spread = 1},
    .address = "127.0.0.1",
    .nr_callers = 1,
    .timeout_ms = 30000,
};
static struct caller *callers;
static uint64_t nr_begun, nr_left; /* calls begun ever, calls still to begin in this batch */
static bool is_batch, is_over;
static struct bytes commands;

static void print_help(void)
{
    puts(
        "weir-load: calls an HTTP/1.1 server and counts what came of it\n"
        "\n"
        "usage: weir-load --port N [options]\n"
        "\n"
        "  --port N --address A    the server (127.0.0.1)\n"
        "  --connections N         how many calls are under way at a time (1)\n"
        "  --requests N            make N calls, print the counts, end; else commands are read\n"
        "  --method M --path P     the request (GET /); {n} in the path is the call's number,\n"
        "  --spread N                modulo N\n"
        "  --host H --header F     Host (weir.test), further field lines\n"
        "  --body N                a body of N bytes\n"
        "  --version-header H      whose values are counted (x-amz-executed-version)\n"
        "  --close                 a connection per call\n"
        "  --timeout MS            without progress a call has failed (30000)\n"
        "\n"
        "Commands, one a line: run N (make N calls, print the counts so far), go (call until told\n"
        "otherwise), stop (begin no more, print when all have ended), quit.");
}

/* Gives every idle caller a call while some are left, as often as calls fail at once. */
static void begin_calls(void)
{
    for (int i = 0; i < options.nr_callers; i++) {
        while (nr_left > 0 && callers[i].state == CALLER_IDLE) {
            nr_left--;
            caller_begin(&callers[i], &options.plan, nr_begun++);
        }
    }
}

static bool is_idle(void)
{
    for (int i = 0; i < options.nr_callers; i++)
        if (callers[i].state != CALLER_IDLE)
            return false;
    return true;
}

static void end_batch(void)
{
    if (is_batch && nr_left == 0 && is_idle()) {
        is_batch = false;
        outcome_print(stdout);
        is_over = options.has_requests;
    }
}

static void begin_batch(uint64_t n)
{
    nr_left = n;
    is_batch = true;
    begin_calls();
}

static void obey(const char *line)
{
    if (strcmp(line, "go") == 0) {
        begin_batch(UINT64_MAX);
    } else if (strcmp(line, "stop") == 0) {
        nr_left = 0;
        is_batch = true;
    } else if (strncmp(line, "run ", 4) == 0 && isdigit((unsigned char)line[4])) {
        begin_batch(strtoull(line + 4, NULL, 10));
    } else if (strcmp(line, "quit") == 0) {
        is_over = true;
    } else {
        fprintf(stderr, "weir-load: no such command: %s\n", line);
        exit(2);
    }
}

static void read_commands(void)
{
    ssize_t n = read(STDIN_FILENO, bytes_room(&commands, 4096), 4096);

    if (n <= 0) {
        is_over = true;
        return;
    }
    bytes_added(&commands, (size_t)n);
    for (;;) {
        char *line = bytes_front(&commands);
        char *end = memchr(line, '\n', bytes_count(&commands));

        if (!end)
            return;
        *end = '\0';
        obey(line);
        bytes_consume(&commands, (size_t)(end - line) + 1);
    }
}

static void expire(void)
{
    static uint64_t next_us;
    uint64_t now = clock_us();

    if (now < next_us)
        return;
    next_us = now + TICK_MS * 1000;
    for (int i = 0; i < options.nr_callers; i++)
        caller_expire(&callers[i], now - options.timeout_ms * 1000);
    begin_calls();
}

static void handle(const struct epoll_event *event)
{
    struct caller *caller = event->data.ptr;

    if (!caller) {
        read_commands();
        return;
    }
    caller_event(caller, &options.plan, event->events);
    while (caller->state == CALLER_IDLE && nr_left > 0) {
        nr_left--;
        caller_begin(caller, &options.plan, nr_begun++);
    }
}

static int work(void)
{
    struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.ptr = NULL};

    if (options.has_requests)
        begin_batch(options.requests);
    else if (epoll_ctl(options.plan.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
        return 2;
    end_batch();
    while (!is_over) {
        int n = epoll_wait(options.plan.epoll_fd, events, EVENTS_MAX, TICK_MS);

        for (int i = 0; i < n; i++)
            handle(&events[i]);
        expire();
        end_batch();
    }
    return 0;
}

static const struct option names[] = {
    {"port", required_argument, NULL, 'p'},
    {"address", required_argument, NULL, 'a'},
    {"connections", required_argument, NULL, 'c'},
    {"requests", required_argument, NULL, 'n'},
    {"method", required_argument, NULL, 'm'},
    {"path", required_argument, NULL, 'u'},
    {"spread", required_argument, NULL, 's'},
    {"host", required_argument, NULL, 'H'},
    {"header", required_argument, NULL, 'f'},
    {"body", required_argument, NULL, 'b'},
    {"version-header", required_argument, NULL, 'v'},
    {"timeout", required_argument, NULL, 't'},
    {"close", no_argument, NULL, 'x'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void set_request_option(int c, const char *value)
{
    struct caller_plan *plan = &options.plan;

    switch (c) {
    case 'm':
        plan->method = value;
        break;
    case 'u':
        plan->path = value;
        break;
    case 's':
        plan->spread = strtoull(value, NULL, 10);
        break;
    case 'H':
        plan->host = value;
        break;
    case 'f':
        bytes_text(&plan->headers, value);
        bytes_text(&plan->headers, "\r\n");
        break;
    case 'b':
        plan->body_bytes = strtoull(value, NULL, 10);
        break;
    case 'v':
        plan->version_header = str_of(value);
        break;
    case 'x':
        plan->is_closing = true;
        break;
    default:
        exit(2);
    }
}

static void set_option(int c, const char *value)
{
    switch (c) {
    case 'p':
        options.port = (int)strtol(value, NULL, 10);
        break;
    case 'a':
        options.address = value;
        break;
    case 'c':
        options.nr_callers = (int)strtol(value, NULL, 10);
        break;
    case 'n':
        options.requests = strtoull(value, NULL, 10);
        options.has_requests = true;
        break;
    case 't':
        options.timeout_ms = strtoull(value, NULL, 10);
        break;
    case 'h':
        print_help();
        exit(0);
    default:
        set_request_option(c, value);
        break;
    }
}

static void parse_options(int argc, char **argv)
{
    struct caller_plan *plan = &options.plan;
    int c = getopt_long(argc, argv, "", names, NULL);

    plan->version_header = STR("x-amz-executed-version");
    for (; c != -1; c = getopt_long(argc, argv, "", names, NULL))
        set_option(c, optarg);
    plan->address.sin_family = AF_INET;
    plan->address.sin_port = htons((uint16_t)options.port);
    if (options.port < 1 || options.nr_callers < 1 || plan->spread < 1 || optind < argc ||
        inet_pton(AF_INET, options.address, &plan->address.sin_addr) != 1) {
        fputs("usage: weir-load --port N ... (--help tells more)\n", stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    int status;

    parse_options(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    pattern_init();
    options.plan.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    callers = calloc((size_t)options.nr_callers, sizeof(*callers));
    if (!callers || options.plan.epoll_fd < 0) {
        perror("weir-load");
        return 2;
    }
    for (int i = 0; i < options.nr_callers; i++)
        caller_init(&callers[i]);
    status = work();
    for (int i = 0; i < options.nr_callers; i++)
        caller_fini(&callers[i]);
    free(callers);
    bytes_fini(&commands);
    bytes_fini(&options.plan.headers);
    return status;
}
