/* weir-demo: an HTTP endpoint for trying weir, testing it and measuring it. It names its version in
 * every answer and can be asked, by each request, to misbehave in most ways in which an endpoint
 * can. One thread, plain epoll, libc alone. */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alarms.h"
#include "behave.h"
#include "pattern.h"
#include "peer.h"
#include "reply.h"

enum { EVENTS_MAX = 256, BACKLOG = 4096 };

struct options {
    const char *address, *port, *version;
    struct peer_settings peer;
};

static void print_help(void)
{
    puts("weir-demo: an HTTP/1.1 endpoint that names its version\n"
         "\n"
         "usage: weir-demo --port N --version V [--address A] [--do WORDS] [--idle-close MS]\n"
         "\n"
         "  --port N         port to listen on; 0: a free one, named in the line printed at the "
         "start\n"
         "  --version V      the version that every answer names (X-Demo-Version)\n"
         "  --address A      address to listen on (127.0.0.1)\n"
         "  --do WORDS       behaviours for every request, as in a query: 'delay=10&size=200'\n"
         "  --idle-close MS  close kept connections after MS without a request, without a word\n"
         "  --help           this text\n"
         "\n"
         "An ordinary request is answered with JSON: version, method, target, header fields in "
         "order,\n"
         "length and CRC-32 of the body, trailers. GET /_count gives counters, GET /_reset clears "
         "them.\n"
         "Other behaviours are asked for in the query (?size=1k&delay=10), in path segments after\n"
         "/_do/ (/any/base/_do/size=1k/delay=10), or in a header (X-Demo: size=1k&delay=10):\n");
    behave_help(stdout);
    puts("\nExamples:\n"
         "  curl 'localhost:9001/hello?status=503&delay=200'\n"
         "  curl --data-binary @file 'localhost:9001/?echo'\n"
         "  curl 'localhost:9001/?size=1g&chunked=64k&fail=reset&at=500m'");
}

static void prepare_process(void)
{
    struct rlimit limit;

    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static int open_socket(const struct addrinfo *info)
{
    int one = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    /* Accepted sockets inherit it: answers that come in pieces must not wait for acknowledgements.
     */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static int start_listening(const struct options *options)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *info;
    int fd, error = getaddrinfo(options->address, options->port, &hints, &info);

    if (error != 0) {
        fprintf(stderr, "weir-demo: %s:%s: %s\n", options->address, options->port,
                gai_strerror(error));
        return -1;
    }
    fd = open_socket(info);
    if (fd < 0)
        fprintf(stderr, "weir-demo: cannot listen on %s:%s: %s\n", options->address, options->port,
                strerror(errno));
    freeaddrinfo(info);
    return fd;
}

static void announce(const struct options *options, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char port[NI_MAXSERV] = "?";

    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        getnameinfo((struct sockaddr *)&address, length, NULL, 0, port, sizeof(port),
                    NI_NUMERICSERV);
    printf("weir-demo: version %s listens on %s:%s\n", options->version, options->address, port);
}

/* One connection for each event: the listener is level-triggered and asks again while more wait,
 * which spares the accept that finds nothing. */
static void accept_one(int listener, int epoll_fd)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        peer_open(fd, epoll_fd);
    else if (errno == EMFILE || errno == ENFILE)
        usleep(1000); /* a test program may wait for descriptors */
}

/* SIGTERM and SIGINT become events like all others: a handler's flag, set between the look at it
 * and the wait, would be seen with the next event only, which may never come. */
static int open_signals(void)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    if (sigprocmask(SIG_BLOCK, &ends, NULL) < 0)
        return -1;
    return signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int watch(int epoll_fd, int fd, void *who)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = who};

    return fd < 0 ? -1 : epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int serve(int listener, int signals)
{
    struct epoll_event events[EVENTS_MAX];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    if (epoll_fd < 0 || watch(epoll_fd, listener, &listener) < 0 ||
        watch(epoll_fd, signals, &signals) < 0) {
        perror("weir-demo: epoll");
        return 1;
    }
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, alarms_run());

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &signals)
                return 0;
            if (events[i].data.ptr == &listener)
                accept_one(listener, epoll_fd);
            else
                peer_event(events[i].data.ptr, events[i].events);
        }
    }
}

static void set_default_behaviours(struct options *options, const char *words)
{
    struct str wrong;

    behave_apply(&options->peer.does, str_of(words), '&', &wrong);
    if (wrong.n > 0) {
        fprintf(stderr, "weir-demo: --do: no such behaviour or a bad value: %.*s\n",
                STR_ARG(wrong));
        exit(2);
    }
}

static void parse_options(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},
        {"version", required_argument, NULL, 'v'},
        {"address", required_argument, NULL, 'a'},
        {"do", required_argument, NULL, 'd'},
        {"idle-close", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c = getopt_long(argc, argv, "", names, NULL);

    for (; c != -1; c = getopt_long(argc, argv, "", names, NULL)) {
        if (c == 'p')
            options->port = optarg;
        else if (c == 'v')
            options->version = optarg;
        else if (c == 'a')
            options->address = optarg;
        else if (c == 'd')
            set_default_behaviours(options, optarg);
        else if (c == 'i')
            options->peer.idle_close_ms = strtoull(optarg, NULL, 10);
        else if (c == 'h') {
            print_help();
            exit(0);
        } else
            exit(2);
    }
    if (!options->port || !options->version || optind < argc) {
        fputs("usage: weir-demo --port N --version V ... (--help tells more)\n", stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct options options = {.address = "127.0.0.1"};
    int listener, signals;

    behave_reset(&options.peer.does);
    parse_options(&options, argc, argv);
    signals = open_signals();
    prepare_process();
    pattern_init();
    reply_set_version(options.version);
    peer_configure(&options.peer);
    listener = start_listening(&options);
    if (listener < 0)
        return 1;
    announce(&options, listener);
    return serve(listener, signals);
}
