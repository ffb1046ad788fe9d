/* The message reader: each message is read whole, then cut at every place, then byte by byte; what
 * is understood must be the same. */
#include "proxy/http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/partial.h"

enum { LOG = 65536 };

static const struct head_limits limits = {
    .line_bytes = 200, .header_bytes = 2000, .header_count = 8};

/* What was understood, as text. */
struct log {
    char text[LOG];
    size_t n;
};

static void put(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(log->text + log->n, LOG - log->n, format, args);
    va_end(args);
    assert_true(n >= 0 && log->n + (size_t)n < LOG);
    log->n += (size_t)n;
}

static void put_head(struct log *log, const struct head *head, bool is_response)
{
    if (is_response)
        put(log, "%d [%.*s] 1.%d", head->status,
            STR_ARG(head_at(head, head->reason_at, head->reason_len)), head->minor);
    else
        put(log, "%.*s [%.*s] path [%.*s] query %d [%.*s] 1.%d", STR_ARG(head_method(head)),
            STR_ARG(head_target(head)), STR_ARG(head_path(head)), head->has_query,
            STR_ARG(head_query(head)), head->minor);
    put(log, " body %d length %llu close %d keep %d upgrade %d expect %d\n", head->body,
        (unsigned long long)head->content_length, head->is_close, head->is_keep_alive,
        head->is_upgrade, head->is_expect_continue);
    for (int i = 0; i < head->nr_fields; i++)
        put(log, "  %.*s=%.*s (%d)\n", STR_ARG(head_name(head, &head->fields[i])),
            STR_ARG(head_value(head, &head->fields[i])), head->fields[i].id);
}

/* Reads one message from bytes that arrive in the given pieces, as connections do. */
struct reading {
    struct http1 p;
    struct head scratch;
    struct partial *partial;
    bool is_response, is_in_body, is_over;
    struct log log;
    char body[LOG];
    size_t body_len, nr_left;
};

static void begin(struct reading *r, bool is_response)
{
    memset(r, 0, sizeof(*r));
    r->is_response = is_response;
    if (is_response)
        http1_init_response(&r->p, &r->scratch, &limits);
    else
        http1_init_request(&r->p, &r->scratch, &limits);
}

static void finish(struct reading *r)
{
    http1_fini(&r->p);
    partial_free(&r->partial);
}

static void read_body(struct reading *r, const char *cursor, const char *end)
{
    struct str span;

    for (;;) {
        switch (http1_body_next(&r->p, &cursor, end, &span)) {
        case HTTP1_SPAN:
            memcpy(r->body + r->body_len, span.p, span.n);
            r->body_len += span.n;
            continue;
        case HTTP1_END:
            put(&r->log, "body [%.*s] trailers [%.*s]\n", (int)r->body_len, r->body,
                (int)r->p.trailers_len, r->p.trailers ? r->p.trailers : "");
            r->is_over = true;
            r->nr_left = (size_t)(end - cursor);
            return;
        case HTTP1_MORE:
            assert_ptr_equal(cursor, end);
            return;
        default:
            put(&r->log, "failed %d\n", http1_error_status((enum head_error)r->p.error));
            assert_true(r->p.detail[0] != 0);
            r->is_over = true;
            return;
        }
    }
}

static void read_head(struct reading *r, const char *data, const char *end)
{
    struct head *head = r->p.head;

    switch (http1_head_feed(&r->p, data, (size_t)(end - data))) {
    case HTTP1_HEAD:
        put_head(&r->log, head, r->is_response);
        if (r->is_response)
            http1_response_to(&r->p, false);
        r->is_in_body = true;
        read_body(r, data + head->bytes, end);
        return;
    case HTTP1_MORE:
        assert_int_equal(partial_keep(&r->partial, &r->p, data, (size_t)(end - data)), 0);
        return;
    default:
        put(&r->log, "failed %d\n", http1_error_status((enum head_error)r->p.error));
        assert_true(r->p.detail[0] != 0);
        r->is_over = true;
        return;
    }
}

/* Each piece comes in memory of its own, which is gone afterwards: what is kept too long shows
 * under a sanitizer. */
static void feed(struct reading *r, const char *piece, size_t n)
{
    if (r->is_over) {
        r->nr_left += n;
        return;
    }
    if (r->partial) {
        char *at;
        size_t room;
        while (n > 0 && r->partial && !r->is_over) {
            assert_int_equal(partial_room(r->partial, &at, &room), 0);
            size_t k = n < room ? n : room;
            memcpy(at, piece, k);
            piece += k;
            n -= k;
            partial_begin(r->partial, k);
            read_head(r, r->partial->bytes, r->partial->bytes + r->partial->len);
            partial_finish(&r->partial);
        }
        if (n > 0)
            feed(r, piece, n);
        return;
    }
    char *copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, piece, n);
    if (r->is_in_body)
        read_body(r, copy, copy + n);
    else
        read_head(r, copy, copy + n);
    memset(copy, '#', n);
    free(copy);
}

struct message {
    bool is_response;
    const char *bytes, *log; /* what must be understood */
    size_t nr_left;          /* bytes behind the message */
};

static const struct message messages[] = {
    {false, "GET /a?b=c HTTP/1.1\r\nHost: x.example\r\n\r\nGET",
     "GET [/a?b=c] path [/a] query 1 [b=c] 1.1 body 0 length 0 close 0 keep 0 upgrade 0 expect 0\n"
     "  Host=x.example (1)\nbody [] trailers []\n",
     3},
    {false,
     "\r\nPOST / HTTP/1.1\r\nhOST:x\r\nA:  b \t\r\nB:\r\nContent-Length: 5\r\nConnection: close, "
     "x\r\n\r\nhelloX",
     "POST [/] path [/] query 0 [] 1.1 body 1 length 5 close 1 keep 0 upgrade 0 expect 0\n"
     "  hOST=x (1)\n  A=b (0)\n  B= (0)\n  Content-Length=5 (3)\n  Connection=close, x (2)\n"
     "body [hello] trailers []\n",
     1},
    {false,
     "BREW http://x:80/p HTTP/1.1\r\nHost: X\r\nTransfer-Encoding: Chunked\r\nExpect: "
     "100-Continue\r\n\r\n"
     "5;a=\"b\"\r\nhello\r\n06\r\n, you!\r\n0\r\nX-Sum:  1 \r\nEmpty:\r\n\r\nrest",
     "BREW [http://x:80/p] path [/p] query 0 [] 1.1 body 2 length 0 close 0 keep 0 upgrade 0 "
     "expect 1\n"
     "  Host=X (1)\n  Transfer-Encoding=Chunked (4)\n  Expect=100-Continue (8)\n"
     "body [hello, you!] trailers [X-Sum: 1\r\nEmpty:\r\n]\n",
     4},
    {false, "GET / HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\n\r\n",
     "GET [/] path [/] query 0 [] 1.0 body 0 length 0 close 0 keep 1 upgrade 1 expect 0\n"
     "  Connection=keep-alive, Upgrade (2)\nbody [] trailers []\n",
     0},
    {false, "OPTIONS * HTTP/1.9\r\nHost: [::1]:8080\r\n\r\n",
     "OPTIONS [*] path [*] query 0 [] 1.1 body 0 length 0 close 0 keep 0 upgrade 0 expect 0\n"
     "  Host=[::1]:8080 (1)\nbody [] trailers []\n",
     0},
    {true, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi+",
     "200 [OK] 1.1 body 1 length 2 close 0 keep 0 upgrade 0 expect 0\n  Content-Length=2 (3)\n"
     "body [hi] trailers []\n",
     1},
    {true, "HTTP/1.1 204\r\nA: b\r\n\r\n",
     "204 [] 1.1 body 0 length 0 close 0 keep 0 upgrade 0 expect 0\n  A=b (0)\nbody [] trailers "
     "[]\n",
     0},
    {true, "HTTP/1.0 404 \r\nContent-Length: 0\r\n\r\n",
     "404 [] 1.0 body 1 length 0 close 0 keep 0 upgrade 0 expect 0\n  Content-Length=0 (3)\n"
     "body [] trailers []\n",
     0},
    {true, "HTTP/1.1 200 Fine, thanks\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
     "200 [Fine, thanks] 1.1 body 2 length 0 close 0 keep 0 upgrade 0 expect 0\n"
     "  Transfer-Encoding=chunked (4)\nbody [x] trailers []\n",
     0},
    {false,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1 ;\ta = \"b;c\" ; d\r\nx\r\n02\t;e\r\n \t\r\n1\r\n;\r\n0 ; f\r\nA: b ; c\r\n\r\n+",
     "POST [/] path [/] query 0 [] 1.1 body 2 length 0 close 0 keep 0 upgrade 0 expect 0\n"
     "  Host=x (1)\n  Transfer-Encoding=chunked (4)\nbody [x \t;] trailers [A: b ; c\r\n]\n",
     1},
    {true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 ; a=b\r\n 5 ;a\r\n0\t;c\r\n\r\n",
     "200 [OK] 1.1 body 2 length 0 close 0 keep 0 upgrade 0 expect 0\n"
     "  Transfer-Encoding=chunked (4)\nbody [ 5 ;a] trailers []\n",
     0},
};

static void check(const struct message *m, const struct reading *r, const char *how, size_t cut)
{
    if (strcmp(r->log.text, m->log) != 0 || r->nr_left != m->nr_left)
        fail_msg("%s, cut %s at %zu, was read as:\n%sleft %zu, not:\n%sleft %zu", m->bytes, how,
                 cut, r->log.text, r->nr_left, m->log, m->nr_left);
}

static void a_message_is_read_the_same_wherever_it_is_cut(void **state)
{
    static struct reading r;

    (void)state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        const struct message *m = &messages[i];
        size_t n = strlen(m->bytes);
        for (size_t cut = 0; cut < n; cut++) {
            begin(&r, m->is_response);
            if (cut > 0)
                feed(&r, m->bytes, cut);
            feed(&r, m->bytes + cut, n - cut);
            check(m, &r, "once", cut);
            finish(&r);
        }
        begin(&r, m->is_response);
        for (size_t k = 0; k < n; k++)
            feed(&r, m->bytes + k, 1);
        check(m, &r, "everywhere", 0);
        finish(&r);
    }
}

struct refusal {
    bool is_response;
    int status;
    const char *bytes;
};

static const struct refusal refusals[] = {
    {false, 400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\nHost: x\r\n\r\n"},
    {false, 400, "GET /\r\n\r\n"},
    {false, 400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"},
    {false, 400, "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n"},
    {false, 400, "GET a HTTP/1.1\r\nHost: x\r\n\r\n"},
    {false, 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n"},
    {false, 400, "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rX: c\r\n\r\n"},
    {false, 400, "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"},
    {false, 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"},
    {false, 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na"},
    {false, 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\na"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "1\r\n\r\n0\r\n\r\n"},
    {false, 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"},
    {false, 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {false, 400, "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {false, 417, "POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\na"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: "
     "5\r\n\r\n"},
    {false, 431,
     "GET / HTTP/1.1\r\nHost: x\r\n1: \r\n2: \r\n3: \r\n4: \r\n5: \r\n6: \r\n7: \r\n8: \r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5 \r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5\t\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     " 5\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     " ;a\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     ";a\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5 5\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5; \r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5;a \r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5;a=b \r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5;a b\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5 \n;a\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5 ;a\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1\r\nx ;a\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1\r\nx\r\n ;a\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1\r\nx\r\n;a\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1\r\nx\r ;a\n0\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5\r ;a\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5\r\n;a\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "\r\n5 ;a\r\nhello\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n ;a\r\n\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\na ;b\r\n\r\n\r\n0\r\n\r\n"},
    {false, 400,
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r ;a\n\r\n0\r\n\r\n"},
    {true, 400, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"},
    {true, 400, "HTTP/1.1 20 OK\r\n\r\n"},
    {true, 400, "HTTP/1.1 600 Odd\r\n\r\n"},
    {true, 505, "HTTP/2.0 200 OK\r\n\r\n"},
    {true, 400, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"},
};

static void what_is_refused_is_refused_wherever_it_is_cut(void **state)
{
    static struct reading r;

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *m = &refusals[i];
        size_t n = strlen(m->bytes);
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "failed %d\n", m->status);
        for (size_t cut = 0; cut <= n; cut++) {
            begin(&r, m->is_response);
            if (cut > 0)
                feed(&r, m->bytes, cut);
            if (cut < n)
                feed(&r, m->bytes + cut, n - cut);
            if (!r.is_over || !strstr(r.log.text, wanted))
                fail_msg("%s, cut at %zu, was not refused with %d but read as:\n%s", m->bytes, cut,
                         m->status, r.log.text);
            finish(&r);
        }
    }
}

static void limits_hold_before_the_end_has_come(void **state)
{
    static struct reading r;
    static char big[4096];

    (void)state;
    memset(big, 'a', sizeof(big));
    big[0] = '/';
    begin(&r, false);
    feed(&r, "GET ", 4);
    feed(&r, big, 300);
    assert_string_equal(r.log.text, "failed 414\n");
    finish(&r);
    begin(&r, false);
    feed(&r, "GET / HTTP/1.1\r\nHost: x\r\nA: ", 28);
    feed(&r, big, 2500);
    assert_string_equal(r.log.text, "failed 431\n");
    finish(&r);
    begin(&r, false);
    feed(&r, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;", 58);
    feed(&r, big + 1, 1500);
    assert_non_null(strstr(r.log.text, "failed 400\n"));
    finish(&r);
}

static void a_response_without_length_lasts_until_close(void **state)
{
    static struct reading r;

    (void)state;
    begin(&r, true);
    feed(&r, "HTTP/1.1 200 OK\r\n\r\nab", 21);
    feed(&r, "cd", 2);
    assert_false(r.is_over);
    assert_true(http1_body_eof(&r.p));
    assert_int_equal(r.body_len, 4);
    finish(&r);
    begin(&r, true);
    feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 40);
    assert_false(http1_body_eof(&r.p));
    finish(&r);
}

static void connection_options_are_found_in_all_fields(void **state)
{
    static struct reading r;
    const char *bytes = "GET / HTTP/1.1\r\nC: 1\r\nHost: x\r\nConnection: a , B\r\n"
                        "ab: 2\r\nB: 3\r\nConnection:c\r\nA: 4\r\n\r\n";

    (void)state;
    begin(&r, false);
    assert_int_equal(http1_head_feed(&r.p, bytes, strlen(bytes)), HTTP1_HEAD);
    for (int i = 0; i < r.scratch.nr_fields; i++) {
        struct str name = head_name(&r.scratch, &r.scratch.fields[i]);
        assert_int_equal(head_is_dropped(&r.scratch, &r.scratch.fields[i]), name.n == 1);
    }
    finish(&r);
}

/* B6: each option is compared with each field, so that a head of 32 KB that holds nothing but
 * options took as long as 40 others. */
static void more_connection_options_than_anybody_needs_are_refused(void **state)
{
    static struct reading r;
    char bytes[1024];

    (void)state;
    for (int nr = 128; nr <= 129; nr++) {
        int n = snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: x\r\nConnection: a,,a");
        for (int i = 2; i < nr; i++)
            n += snprintf(bytes + n, sizeof(bytes) - (size_t)n,
                          i == 9 ? "\r\nconnection: a" : ", a");
        n += snprintf(bytes + n, sizeof(bytes) - (size_t)n, "\r\n\r\n");
        begin(&r, false);
        assert_int_equal(http1_head_feed(&r.p, bytes, (size_t)n),
                         nr == 128 ? HTTP1_HEAD : HTTP1_FAILED);
        if (nr > 128)
            assert_int_equal(http1_error_status((enum head_error)r.p.error), 400);
        finish(&r);
    }
}

static int set_up(void **state)
{
    (void)state;
    http1_global_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_read_the_same_wherever_it_is_cut),
        cmocka_unit_test(what_is_refused_is_refused_wherever_it_is_cut),
        cmocka_unit_test(limits_hold_before_the_end_has_come),
        cmocka_unit_test(a_response_without_length_lasts_until_close),
        cmocka_unit_test(connection_options_are_found_in_all_fields),
        cmocka_unit_test(more_connection_options_than_anybody_needs_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
