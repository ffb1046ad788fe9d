/* Listening sockets: which families they take, what accepted ones inherit, whom they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/io/bind.h"

enum { WAIT_MS = 20000 };

static bool has_ipv6(void)
{
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static uint16_t port_of(const char *name)
{
    const char *colon = strrchr(name, ':');

    assert_non_null(colon);
    return (uint16_t)strtoul(colon + 1, NULL, 10);
}

/* Connects to a loopback address: the socket, or a negative errno. */
static int connect_to(int family, uint16_t port)
{
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_STREAM, 0), r;

    if (family == AF_INET)
        r = connect(fd, (struct sockaddr *)&v4, sizeof(v4));
    else
        r = connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    if (r == 0)
        return fd;
    r = -errno;
    close(fd);
    return r;
}

static int accept_from(int listener)
{
    struct pollfd one = {.fd = listener, .events = POLLIN};

    assert_int_equal(poll(&one, 1, WAIT_MS), 1);
    return accept(listener, NULL, NULL);
}

/* Whether a connection of the family gets to the listener. */
static bool is_served(int listener, int family, uint16_t port)
{
    int client = connect_to(family, port), server;

    if (client < 0)
        return false;
    server = accept_from(listener);
    close(client);
    close(server);
    return server >= 0;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void a_port_alone_is_both_families(void **state)
{
    char name[80];
    int fd;

    (void)state;
    if (!has_ipv6())
        skip();
    assert_int_equal(bind_open(":0", false, &fd, 1, name, sizeof(name)), 0);
    assert_memory_equal(name, "[::]:", 5);
    assert_true(is_served(fd, AF_INET, port_of(name)));
    assert_true(is_served(fd, AF_INET6, port_of(name)));
    close(fd);
}

static void one_wildcard_is_left_to_each_family(void **state)
{
    char name[80], address[80];
    int v6, v4;

    (void)state;
    if (!has_ipv6())
        skip();
    assert_int_equal(bind_open("0.0.0.0:0", false, &v4, 1, name, sizeof(name)), 0);
    snprintf(address, sizeof(address), "[::]:%u", port_of(name));
    assert_int_equal(bind_open(address, true, &v6, 1, name, sizeof(name)), 0);
    assert_true(is_served(v4, AF_INET, port_of(name)));
    assert_true(is_served(v6, AF_INET6, port_of(name)));
    close(v4);
    close(v6);
}

static void an_ipv6_wildcard_alone_takes_ipv4(void **state)
{
    char name[80];
    int fd;

    (void)state;
    if (!has_ipv6())
        skip();
    assert_int_equal(bind_open("[::]:0", false, &fd, 1, name, sizeof(name)), 0);
    assert_true(is_served(fd, AF_INET, port_of(name)));
    close(fd);
}

static void each_worker_has_a_socket_on_one_port(void **state)
{
    char name[80];
    int fds[3];

    (void)state;
    assert_int_equal(bind_open("127.0.0.1:0", false, fds, 3, name, sizeof(name)), 0);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in where;
        socklen_t len = sizeof(where);
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)&where, &len), 0);
        assert_int_equal(ntohs(where.sin_port), port_of(name));
        assert_int_equal(option(fds[i], SOL_SOCKET, SO_ACCEPTCONN), 1);
        close(fds[i]);
    }
}

static void accepted_sockets_inherit_what_costs_calls(void **state)
{
    char name[80];
    int fd, client, server;

    (void)state;
    assert_int_equal(bind_open("127.0.0.1:0", false, &fd, 1, name, sizeof(name)), 0);
    client = connect_to(AF_INET, port_of(name));
    assert_true(client >= 0);
    server = accept_from(fd);
    assert_int_equal(option(server, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(server, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_in_range(option(server, IPPROTO_TCP, TCP_KEEPIDLE), 1, 299);
    assert_in_range(option(server, IPPROTO_TCP, TCP_KEEPINTVL), 1, 60);
    close(server);
    close(client);
    close(fd);
}

static void a_port_that_is_taken_is_refused(void **state)
{
    char name[80], again[80];
    int fd, other;

    (void)state;
    assert_int_equal(bind_open("127.0.0.1:0", false, &fd, 1, name, sizeof(name)), 0);
    assert_int_equal(bind_open(name, false, &other, 1, again, sizeof(again)), -1);
    close(fd);
}

static void what_cannot_be_bound_is_refused(void **state)
{
    static const char *const bads[] = {"192.0.2.1:0", "::1:80", "a b:1"};
    char name[80];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        assert_int_equal(bind_open(bads[i], false, &fd, 1, name, sizeof(name)), -1);
}

/* From now on this process lives on a machine without IPv6: socket(AF_INET6) fails. */
static bool take_ipv6_away(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void without_ipv6_a_port_alone_is_ipv4(void **state)
{
    char name[80];
    int fd;

    (void)state;
    if (!take_ipv6_away())
        skip();
    assert_int_equal(bind_open(":0", false, &fd, 1, name, sizeof(name)), 0);
    assert_memory_equal(name, "0.0.0.0:", 8);
    assert_true(is_served(fd, AF_INET, port_of(name)));
    close(fd);
    assert_int_equal(bind_open("[::]:0", false, &fd, 1, name, sizeof(name)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_alone_is_both_families),
        cmocka_unit_test(one_wildcard_is_left_to_each_family),
        cmocka_unit_test(an_ipv6_wildcard_alone_takes_ipv4),
        cmocka_unit_test(each_worker_has_a_socket_on_one_port),
        cmocka_unit_test(accepted_sockets_inherit_what_costs_calls),
        cmocka_unit_test(a_port_that_is_taken_is_refused),
        cmocka_unit_test(what_cannot_be_bound_is_refused),
        /* Last: it cannot be undone. */
        cmocka_unit_test(without_ipv6_a_port_alone_is_ipv4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
