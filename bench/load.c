/* load: the load generator of the bench. One thread, one epoll; every answer is checked (client.c).
 *
 *   load -p PORT [-c CONNECTIONS] [-u TARGET] [-s ANSWER_BYTES] [-b BODY_BYTES] [-H HEADER] ...
 *
 *   closed loop (default)  each connection sends its next request when the answer has come: as fast
 * as it goes open loop (-r RATE)    requests are due at a fixed rate; latency counts from the due
 * moment, so a stall counts for every request that it delays exactly so many (-n)   closed loop
 * that ends with the Nth answer idle, active (-i, -a)  opens the connections, one request on each;
 * says READY when all are answered (idle) or all are waiting for their answer (active), and keeps
 * them so until standard input ends
 *
 * The first two have a warm-up (-w ms) and a measured window (-t ms); the CPU clocks of the
 * processes under test (-P, -O) are read at both ends of the window. After it, answers under way
 * are awaited, so that no connection ends in the middle of one. Prints "BEGIN <monotonic ns>" when
 * the window opens and one line of JSON at the end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/client.h"
#include "bench/net.h"
#include "bench/tally.h"

#define MS            1000000ull
#define DRAIN_MS      2000
#define RAMP          64    /* connections being opened at a time when holding */
#define FAILURES_MAX  10000 /* then there is no use going on */
#define TIME_LIMIT_MS 120000
#define WARM_MORE_MS                                                                               \
    3000 /* the longest that a window waits for connections that are slow to begin */

enum phase { PHASE_WARM, PHASE_MEASURED, PHASE_DRAIN };

static struct {
    int connections;
    uint64_t window_ms, warm_ms, total, rate, body_bytes;
    int routes;
    const char *target, *proxy_pids, *origin_pids;
    bool is_idle, is_active;
} options = {.connections = 64, .window_ms = 1000, .warm_ms = 200, .routes = 1, .target = "/f/0"};

static struct request *requests; /* one per route */
static struct client *clients, *free_first, *free_last, *closed;
static struct tally tally;
static enum phase phase;
static uint64_t begin_ns, end_ns; /* of the window */
static uint64_t nr_sent, nr_under_way;
static int nr_opened, nr_settled; /* connections held, when holding */
static int nr_warm;               /* connections that have had an answer */
static uint64_t proxy_cpu, origin_cpu, own_cpu;

static bool is_holding(void)
{
    return options.is_idle || options.is_active;
}

/* A list first in, first out: with the last freed first, most connections would never be used in an
 * open loop. */
static void put_free(struct client *client)
{
    client->next = NULL;
    if (free_first)
        free_last->next = client;
    else
        free_first = client;
    free_last = client;
}

static void send_next(struct client *client, uint64_t due_ns)
{
    const struct request *request = &requests[nr_sent % (uint64_t)options.routes];

    nr_sent++;
    nr_under_way++;
    client_send(client, request, due_ns);
}

static bool has_next(void)
{
    return phase != PHASE_DRAIN && (!options.total || nr_sent < options.total);
}

static void on_free(struct client *client)
{
    if (client->request) /* it was lost with the connection before */
        client_send(client, client->request, client->due_ns);
    else if (options.rate || !has_next())
        put_free(client);
    else
        send_next(client, net_now_ns());
}

static void on_sent(struct client *client)
{
    (void)client;
    if (options.is_active)
        nr_settled++;
}

static void on_answer(struct client *client)
{
    uint64_t now = net_now_ns();
    bool is_due = client->due_ns >= begin_ns && client->due_ns < end_ns;

    nr_under_way--;
    nr_warm += !client->is_warm;
    client->is_warm = true;
    if (options.rate ? is_due : phase == PHASE_MEASURED) {
        tally_answer(&tally, client->version, client->due_ns, client->sent_ns, now);
        tally.bytes += client_rules.answer_bytes;
        if (client->ssl && client_rules.is_once) {
            tally.handshakes++;
            tally.resumed += (uint64_t)SSL_session_reused(client->ssl);
        }
    }
    if (is_holding())
        nr_settled++;
    else if (client->state == CLIENT_FREE)
        on_free(client);
}

/* Opened again in the next turn: not here, where a refusal would come straight back. */
static void on_lost(struct client *client, const char *why, bool is_unanswered)
{
    struct client **link = &free_first;

    while (*link && *link != client)
        link = &(*link)->next;
    if (*link) {
        *link = client->next;
        for (free_last = free_first; free_last && free_last->next;)
            free_last = free_last->next;
    }
    if (client->request && is_unanswered) {
        tally.resent++;
    } else if (client->request) {
        tally_failure(&tally, why);
        client->request = NULL;
        nr_under_way--;
    } else if (why && strcmp(why, "closed") != 0) {
        tally_failure(&tally, why);
    }
    client->next = closed;
    closed = client;
}

static void open_closed(void)
{
    int room = is_holding() ? RAMP - (nr_opened - nr_settled) : options.connections;

    while (closed && room-- > 0 && (has_next() || closed->request)) {
        struct client *client = closed;

        closed = client->next;
        client->next = NULL;
        tally.connections++;
        nr_opened++;
        client_open(client);
    }
}

static uint64_t due_ns(uint64_t index)
{
    return begin_ns - options.warm_ms * MS + index * 1000000000u / options.rate;
}

/* Open loop: sends what is due, as far as there are connections for it; returns when the next is
 * due, 0 if that does not matter. */
static uint64_t send_due(uint64_t now)
{
    while (free_first && due_ns(nr_sent) < end_ns) {
        struct client *client = free_first;
        uint64_t due = due_ns(nr_sent);

        if (due > now)
            return due;
        free_first = client->next;
        send_next(client, due);
    }
    return 0;
}

static void read_clocks(int sign)
{
    char self[16];

    snprintf(self, sizeof(self), "%d", (int)getpid());
    proxy_cpu = tally_cpu_ns(options.proxy_pids) + (uint64_t)sign * proxy_cpu;
    origin_cpu = tally_cpu_ns(options.origin_pids) + (uint64_t)sign * origin_cpu;
    own_cpu = tally_cpu_ns(self) + (uint64_t)sign * own_cpu;
}

static void open_window(uint64_t now)
{
    uint64_t connections = tally.connections;
    uint64_t slice_ns = options.window_ms * MS / TALLY_SLICES + 1;

    phase = PHASE_MEASURED;
    tally_begin(&tally, options.rate ? begin_ns : now, slice_ns);
    tally.connections = options.total ? connections : 0;
    begin_ns = tally.begin_ns;
    if (!options.rate && !options.total)
        end_ns = begin_ns + options.window_ms * MS;
    read_clocks(0);
    printf("BEGIN %lu\n", now);
    fflush(stdout);
}

static void close_window(uint64_t now)
{
    phase = PHASE_DRAIN;
    end_ns = options.rate ? end_ns : now;
    read_clocks(-1);
}

static bool is_all_answered(void)
{
    return !nr_under_way && (!options.rate || due_ns(nr_sent) >= end_ns);
}

/* Connecting and handshakes belong to no window of a closed loop, however long they take. */
static bool is_warmed_up(uint64_t now)
{
    return options.rate || options.total || nr_warm >= options.connections ||
           now >= begin_ns + WARM_MORE_MS * MS;
}

static bool is_over(uint64_t now)
{
    if (phase == PHASE_WARM && now >= begin_ns && is_warmed_up(now))
        open_window(now);
    if (phase == PHASE_MEASURED &&
        (options.total ? tally.answers + tally.failed >= options.total : now >= end_ns))
        close_window(now);
    if (tally.failed > FAILURES_MAX)
        return true;
    return phase == PHASE_DRAIN && (is_all_answered() || now >= end_ns + DRAIN_MS * MS);
}

static void wait_events(uint64_t now, uint64_t until)
{
    struct epoll_event events[256];
    uint64_t ns = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000u),
                               .tv_nsec = (long)(ns % 1000000000u)};
    int n = epoll_pwait2(client_rules.epoll, events, 256, &timeout, NULL);

    for (int i = 0; i < n; i++)
        if (events[i].data.ptr)
            client_event(events[i].data.ptr, events[i].events);
}

static void run_load(void)
{
    uint64_t now = net_now_ns();

    begin_ns = now + options.warm_ms * MS;
    end_ns = begin_ns + (options.total ? TIME_LIMIT_MS : options.window_ms) * MS;
    while (!is_over(now)) {
        uint64_t until = phase == PHASE_WARM    ? (now < begin_ns ? begin_ns : now + MS)
                         : phase == PHASE_DRAIN ? now + 10 * MS
                                                : end_ns;

        open_closed();
        if (options.rate) {
            uint64_t due = send_due(now);

            until = due && due < until ? due : until;
        }
        wait_events(now, until);
        now = net_now_ns();
    }
    if (phase != PHASE_DRAIN)
        close_window(now);
    if (!is_all_answered())
        tally_failure(&tally, "no answer by the end");
}

/* Holds the connections until standard input ends. */
static void run_hold(void)
{
    uint64_t limit = net_now_ns() + TIME_LIMIT_MS * MS;

    phase = PHASE_MEASURED;
    options.total = (uint64_t)options.connections;
    tally_begin(&tally, net_now_ns(), 1000 * MS);
    while (nr_settled < options.connections && net_now_ns() < limit &&
           tally.failed < FAILURES_MAX) {
        open_closed();
        wait_events(0, 100 * MS);
    }
    if (tally.failed || nr_settled != options.connections || (options.is_active && tally.answers))
        tally_failure(&tally, "not all connections could be held");
    printf("%s\n", tally.failed ? "FAILED" : "READY");
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

static void make_requests(bool is_post)
{
    requests = net_alloc((size_t)options.routes, sizeof(*requests));
    for (int i = 0; i < options.routes; i++) {
        struct request *request = &requests[i];
        const char *mark = strstr(options.target, "%d");
        int before = mark ? (int)(mark - options.target) : (int)strlen(options.target);
        char number[16] = "", framing[64] = "";

        if (mark)
            snprintf(number, sizeof(number), "%d", i);
        if (is_post)
            snprintf(framing, sizeof(framing),
                     "Content-Type: application/json\r\nContent-Length: %lu\r\n",
                     options.body_bytes);
        request->bytes = net_alloc(1, 1024 + strlen(options.target) + options.body_bytes);
        request->length = (size_t)snprintf(
            request->bytes, 1024 + strlen(options.target),
            "%s %.*s%s%s HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: weir-bench/1\r\n"
            "Accept: */*\r\n%s%s\r\n",
            is_post ? "POST" : "GET", before, options.target, number, mark ? mark + 2 : "", framing,
            client_rules.is_once ? "Connection: close\r\n" : "");
        memset(request->bytes + request->length, 'y', options.body_bytes);
        request->length += options.body_bytes;
    }
}

static void usage(void)
{
    fprintf(stderr, "usage: load -p PORT [-c CONNECTIONS] [-t WINDOW_MS] [-w WARM_UP_MS] [-n "
                    "REQUESTS] [-r RATE]\n"
                    "            [-u TARGET] [-k ROUTES] [-s ANSWER_BYTES] [-b BODY_BYTES] [-H "
                    "VERSION_HEADER]\n"
                    "            [-x] [-T] [-R] [-i] [-a] [-P PROXY_PIDS] [-O ORIGIN_PIDS]\n"
                    "  %%d in TARGET runs over 0 to ROUTES - 1; -b makes it a POST; -x: a "
                    "connection per request;\n"
                    "  -T: TLS 1.3; -R: with resumed sessions\n");
    exit(2);
}

static void read_option(int option)
{
    switch (option) {
    case 'p':
        client_rules.port = (int)net_number(optarg, "-p");
        break;
    case 'c':
        options.connections = (int)net_number(optarg, "-c");
        break;
    case 't':
        options.window_ms = net_number(optarg, "-t");
        break;
    case 'w':
        options.warm_ms = net_number(optarg, "-w");
        break;
    case 'n':
        options.total = net_number(optarg, "-n");
        break;
    case 'r':
        options.rate = net_number(optarg, "-r");
        break;
    case 'u':
        options.target = optarg;
        break;
    case 'k':
        options.routes = (int)net_number(optarg, "-k");
        break;
    case 's':
        client_rules.answer_bytes = net_number(optarg, "-s");
        break;
    case 'b':
        options.body_bytes = net_number(optarg, "-b");
        break;
    case 'H':
        client_rules.version_header = optarg;
        break;
    case 'x':
        client_rules.is_once = true;
        break;
    case 'T':
        client_use_tls();
        break;
    case 'R':
        client_rules.is_resuming = true;
        break;
    case 'i':
        options.is_idle = true;
        break;
    case 'a':
        options.is_active = true;
        break;
    case 'P':
        options.proxy_pids = optarg;
        break;
    case 'O':
        options.origin_pids = optarg;
        break;
    default:
        usage();
    }
}

static void set_up(int argc, char **argv)
{
    const char *letters = "p:c:t:w:n:r:u:k:s:b:H:xTRiaP:O:";

    client_rules.answer_bytes = 200;
    for (int option = getopt(argc, argv, letters); option != -1;
         option = getopt(argc, argv, letters))
        read_option(option);
    if (!client_rules.port || options.connections < 1 || options.routes < 1 || optind < argc)
        usage();
    if (options.total)
        options.warm_ms = 0;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1); /* due moments are tens of microseconds apart */
    net_raise_descriptors();
    client_rules.epoll = epoll_create1(EPOLL_CLOEXEC);
    client_rules.on_free = on_free;
    client_rules.on_sent = on_sent;
    client_rules.on_answer = on_answer;
    client_rules.on_lost = on_lost;
    make_requests(options.body_bytes > 0);
    clients = net_alloc((size_t)options.connections, sizeof(*clients));
    for (int i = options.connections; i-- > 0;) {
        clients[i].fd = -1;
        clients[i].next = closed;
        closed = &clients[i];
    }
}

int main(int argc, char **argv)
{
    set_up(argc, argv);
    if (is_holding())
        run_hold();
    else
        run_load();
    printf(
        "{\"seconds\": %.6f, \"proxy_cpu_ns\": %lu, \"origin_cpu_ns\": %lu, \"load_cpu_ns\": %lu, ",
        (double)(end_ns - begin_ns) / 1e9, proxy_cpu, origin_cpu, own_cpu);
    tally_print(&tally, stdout);
    printf("}\n");
    return 0;
}
