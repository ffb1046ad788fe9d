/* Look-ups: the hosts file, DNS and SRV, against a server on the same loop that says what a test
 * wants. */
#include "proxy/io/dns.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { A = 1, AAAA = 28, SRV = 33, NXDOMAIN = 3 };

/* A record that the server has. */
struct record {
    const char *name;
    int type;
    uint32_t ttl;
    const char *data;
    int n;
};

struct world {
    struct qsbr *qsbr;
    struct loop loop;
    struct dns *dns;
    uv_udp_t server;
    const struct record *records;
    size_t nr_records;
    int nr_questions, nr_answers;
    struct dns_answer answer;
};

/* ---- The server ------------------------------------------------------------------------------ */

static void alloc(uv_handle_t *handle, size_t n, uv_buf_t *buf)
{
    static char room[2048];

    (void)handle;
    (void)n;
    *buf = uv_buf_init(room, sizeof(room));
}

static size_t put_name(unsigned char *out, const char *name)
{
    unsigned char *p = out;

    while (*name) {
        size_t n = strcspn(name, ".");
        *p++ = (unsigned char)n;
        memcpy(p, name, n);
        p += n;
        name += n + (name[n] == '.');
    }
    *p++ = 0;
    return (size_t)(p - out);
}

static void put_16(unsigned char **p, unsigned value)
{
    *(*p)++ = (unsigned char)(value >> 8);
    *(*p)++ = (unsigned char)value;
}

/* Writes the record as an answer, if it is one to this question. */
static bool put_record(unsigned char **p, const struct record *r, const unsigned char *question,
                       size_t name_bytes, int type)
{
    unsigned char name[256];
    size_t n = put_name(name, r->name);

    if (r->type != type || n != name_bytes || memcmp(name, question, n) != 0)
        return false;
    memcpy(*p, name, n);
    *p += n;
    put_16(p, (unsigned)r->type);
    put_16(p, 1);
    put_16(p, r->ttl >> 16);
    put_16(p, r->ttl & 0xffff);
    put_16(p, (unsigned)r->n);
    memcpy(*p, r->data, (size_t)r->n);
    *p += r->n;
    return true;
}

static void on_question(uv_udp_t *server, ssize_t n, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    struct world *w = server->data;
    const unsigned char *q = (const unsigned char *)buf->base;
    unsigned char out[2048], *p = out;
    bool knows_name = false;
    unsigned nr = 0;

    (void)flags;
    if (n < 17 || !from)
        return;
    w->nr_questions++;
    size_t name_bytes = strlen(buf->base + 12) + 1;
    int type = q[12 + name_bytes] << 8 | q[13 + name_bytes];
    memcpy(p, q, 12 + name_bytes + 4);
    p += 12 + name_bytes + 4;
    for (size_t i = 0; i < w->nr_records; i++) {
        unsigned char name[256];
        size_t len = put_name(name, w->records[i].name);
        knows_name |= len == name_bytes && memcmp(name, q + 12, len) == 0;
        nr += put_record(&p, &w->records[i], q + 12, name_bytes, type);
    }
    out[2] = 0x85;
    out[3] = (unsigned char)(0x80 | (knows_name ? 0 : NXDOMAIN));
    out[6] = 0;
    out[7] = (unsigned char)nr;
    memset(out + 8, 0, 4);
    uv_buf_t reply = uv_buf_init((char *)out, (unsigned)(p - out));
    assert_true(uv_udp_try_send(server, &reply, 1, from) > 0);
}

/* ---- The world ------------------------------------------------------------------------------- */

static struct world *world_make(const struct record *records, size_t nr)
{
    struct world *w = calloc(1, sizeof(*w));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int len = sizeof(at);
    char text[32];

    w->qsbr = qsbr_make();
    assert_int_equal(loop_init(&w->loop, w->qsbr, w), 0);
    w->records = records;
    w->nr_records = nr;
    w->server.data = w;
    assert_int_equal(uv_udp_init(&w->loop.uv, &w->server), 0);
    assert_int_equal(uv_udp_bind(&w->server, (struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_udp_getsockname(&w->server, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(uv_udp_recv_start(&w->server, alloc, on_question), 0);
    w->dns = dns_make(&w->loop);
    assert_non_null(w->dns);
    snprintf(text, sizeof(text), " 127.0.0.1:%u ", ntohs(at.sin_port));
    assert_int_equal(dns_set_servers(w->dns, text), 0);
    return w;
}

static void world_end(struct world *w)
{
    dns_free(&w->dns);
    uv_close((uv_handle_t *)&w->server, NULL);
    loop_fini(&w->loop);
    assert_false(w->loop.is_stuck);
    qsbr_free(&w->qsbr);
    free(w);
}

static void on_answer(void *context, const struct dns_answer *answer)
{
    struct world *w = context;

    w->answer = *answer;
    w->nr_answers++;
    loop_stop(&w->loop);
}

static const struct dns_answer *ask(struct world *w, const char *name, bool is_srv)
{
    int before = w->nr_answers;

    assert_non_null(dns_ask(w->dns, name, is_srv, 80, on_answer, w));
    assert_int_equal(w->nr_answers, before); /* never from within the call */
    w->loop.is_stopped = false;
    loop_run(&w->loop);
    assert_int_equal(w->nr_answers, before + 1);
    return &w->answer;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void localhost_is_known_without_dns(void **state)
{
    static const char *const names[] = {"localhost", "localhost.", "LOCALHOST", "a.localhost",
                                        "a.b.localhost."};
    struct world *w = world_make(NULL, 0);

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct dns_answer *answer = ask(w, names[i], false);
        assert_true(answer->nr >= 1);
        assert_int_equal(answer->ttl_ms, DNS_NO_TTL);
        assert_int_equal(answer->places[0].port, 80);
    }
    assert_int_equal(w->nr_questions, 0);
    world_end(w);
}

static void addresses_come_once_each_with_the_least_time_to_live(void **state)
{
    static const struct record records[] = {
        {"fn.test", A, 300, "\x7f\x00\x00\x02", 4},
        {"fn.test", A, 30, "\x7f\x00\x00\x03", 4},
        {"fn.test", A, 300, "\x7f\x00\x00\x02", 4},
        {"fn.test", AAAA, 60, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16},
    };
    struct world *w = world_make(records, 4);
    const struct dns_answer *answer = ask(w, "fn.test.", false);
    int nr_first = 0;

    (void)state;
    assert_int_equal(answer->ttl_ms, 30000);
    assert_in_range(answer->nr, 2, 3); /* a machine without IPv6 leaves ::1 out */
    for (int i = 0; i < answer->nr; i++)
        nr_first += strcmp(answer->places[i].address, "127.0.0.2") == 0;
    assert_int_equal(nr_first, 1);
    world_end(w);
}

static void what_nobody_knows_is_said(void **state)
{
    struct world *w = world_make(NULL, 0);
    const struct dns_answer *answer = ask(w, "nobody.test.", false);

    (void)state;
    assert_int_equal(answer->nr, 0);
    assert_true(strlen(answer->failure) > 0);
    assert_true(w->nr_questions > 0);
    world_end(w);
}

static void services_come_by_priority_with_their_ports(void **state)
{
    static const struct record records[] = {
        {"_w._tcp.test", SRV, 60, "\0\x14\0\5\0\x50\1b\4test", 14},
        {"_w._tcp.test", SRV, 60, "\0\x0a\0\7\x1f\x90\1a\4test", 14},
        {"a.test", A, 20, "\x7f\0\0\2", 4},
        {"b.test", A, 60, "\x7f\0\0\3", 4},
    };
    struct world *w = world_make(records, 4);
    const struct dns_answer *answer = ask(w, "_w._tcp.test.", true);

    (void)state;
    assert_int_equal(answer->nr, 2);
    assert_int_equal(answer->ttl_ms, 20000);
    assert_string_equal(answer->places[0].address, "127.0.0.2");
    assert_int_equal(answer->places[0].port, 8080);
    assert_int_equal(answer->places[0].weight, 7);
    assert_string_equal(answer->places[1].address, "127.0.0.3");
    assert_int_equal(answer->places[1].priority, 20);
    world_end(w);
}

static void records_that_are_cut_or_point_nowhere_are_no_service(void **state)
{
    static const struct record cut[] = {{"_w._tcp.test", SRV, 60, "\0\1\0\1\0", 5}};
    static const struct record root[] = {{"_w._tcp.test", SRV, 60, "\0\0\0\0\0\0\0", 7}};
    static const struct record wild[] = {{"_w._tcp.test", SRV, 60, "\0\0\0\0\0\1\xc0\xff", 8}};
    const struct record *const all[] = {cut, root, wild};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world *w = world_make(all[i], 1);
        const struct dns_answer *answer = ask(w, "_w._tcp.test.", true);
        assert_int_equal(answer->nr, 0);
        assert_true(strlen(answer->failure) > 0);
        world_end(w);
    }
}

static void what_is_forgotten_is_not_answered(void **state)
{
    struct world *w = world_make(NULL, 0);
    struct dns_query *query = dns_ask(w->dns, "nobody.test.", false, 80, on_answer, w);

    (void)state;
    dns_forget(&query);
    assert_null(query);
    ask(w, "other.test.", false);
    assert_int_equal(w->nr_answers, 1);
    query = dns_ask(w->dns, "third.test.", false, 80, on_answer, w); /* and ends with the whole */
    dns_forget(&query);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_known_without_dns),
        cmocka_unit_test(addresses_come_once_each_with_the_least_time_to_live),
        cmocka_unit_test(what_nobody_knows_is_said),
        cmocka_unit_test(services_come_by_priority_with_their_ports),
        cmocka_unit_test(records_that_are_cut_or_point_nowhere_are_no_service),
        cmocka_unit_test(what_is_forgotten_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
