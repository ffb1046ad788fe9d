/* The layer: bytes, ends and breaks, as the proxy's connections see them. */
#include "tls_lab.h"

#include "tls_pair.h"

static struct lab_cert authority, leaf;
static struct tls_server *server;
static struct tls_origin *origin, *origin_any;

/* Both versions: their ends, their tickets and their updates differ. */
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static int begin(void **state)
{
    struct lab_wish wish = {.names = "DNS:a.example,IP:127.0.0.1", .issuer = &authority};
    const struct lab_cert *certs[] = {&leaf};
    const char *reason = NULL;
    struct plan plan;

    if (lab_begin(state) < 0)
        return -1;
    authority = lab_authority("ca");
    leaf = lab_make("leaf", &wish);
    plan_init(&plan, certs, 1);
    server = plan_make(&plan, NULL);
    struct origin verified = plan_origin("a.example", authority.file),
                  any = plan_origin("b.example", NULL);
    origin = tls_origin_make(&verified, &reason);
    origin_any = tls_origin_make(&any, &reason);
    return origin && origin_any ? 0 : -1;
}

static int end(void **state)
{
    tls_origin_free(&origin);
    tls_origin_free(&origin_any);
    tls_server_unref(&server);
    tls_origin_reload();
    lab_free(&authority);
    lab_free(&leaf);
    return lab_end(state);
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

static void exchange(size_t up, size_t down, int buffer, size_t read_size)
{
    struct pair pair;

    pair_open(&pair, server, 0, origin, buffer);
    pair.server.read_size = pair.client.read_size = read_size;
    pair.server.to_send = down;
    pair.client.to_send = up;
    pair_until(&pair, (pair.server.received == up && pair.client.received == down) ||
                          pair.server.failure || pair.client.failure);
    assert_int_equal(pair.server.failure, 0);
    assert_int_equal(pair.client.failure, 0);
    assert_false(pair.server.is_garbled);
    assert_false(pair.client.is_garbled);
    assert_int_equal(pair.server.end, PAIR_NO_END);
    pair_settle(&pair);
    assert_false(pair.server.io.is_readable);
    assert_false(pair.client.io.is_readable);
    pair_close(&pair);
}

static void test_bytes_pass_both_ways(void **state)
{
    (void)state;
    exchange(1, 1, 0, 4096);
    exchange(200, 30000, 0, 4096);
    exchange(16384, 16385, 0, 16384);
    exchange(32768, 32769, 0, 32768);
}

static void test_large_bodies_pass_through_tiny_socket_buffers_both_ways(void **state)
{
    (void)state;
    exchange(3000000, 2000000, 2048, 32768);
}

static void test_large_bodies_pass_through_ordinary_buffers(void **state)
{
    (void)state;
    exchange(20000000, 1000, 0, 32768);
    exchange(1000, 20000000, 0, 65536);
}

static void test_reading_byte_by_byte_loses_nothing(void **state)
{
    (void)state;
    exchange(5000, 40000, 0, 1);
}

/* What has come whole is read with one call, after which nothing more is to be read: no system call
 * in vain. */
static void test_a_request_that_came_whole_leaves_nothing_to_read(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, server, 0, origin, 0);
    pair_shake_hands(&pair);
    pair_settle(&pair); /* tickets */
    pair.server.nr_eagain = pair.client.nr_eagain = 0;
    for (size_t i = 1; i <= 20; i++) {
        end_add(&pair.client, 300);
        pair_until(&pair, pair.server.received == i * 300);
        assert_false(pair.server.io.is_readable);
        end_add(&pair.server, 300);
        pair_until(&pair, pair.client.received == i * 300);
        assert_false(pair.client.io.is_readable);
    }
    assert_int_equal(pair.server.nr_eagain, 0);
    assert_int_equal(pair.client.nr_eagain, 0);
    pair_close(&pair);
}

static void test_a_head_and_a_small_body_are_one_record(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[65536];
    struct iovec iov[3];
    int error;

    (void)state;
    for (int v = 0; v < 2; v++) {
        pair_open_raw(&pair, server, 0, 0);
        raw_open(&raw, &pair, versions[v]);
        assert_int_equal(raw_shake_hands(&raw, &pair), 0);
        pattern_fill(bytes, 0, 40000);
        iov[0] = (struct iovec){bytes, 300};
        iov[1] = (struct iovec){bytes + 300, 0};
        iov[2] = (struct iovec){bytes + 300, 2000};
        assert_int_equal(io_write(&pair.server.io, iov, 3), 2300);
        assert_int_equal(raw_read(&raw, &pair, bytes, sizeof(bytes), &error), 2300);
        assert_true(pattern_is(bytes, 0, 2300));
        /* A large body follows its head at once; records are full but for the last. */
        pattern_fill(bytes, 0, 40000);
        iov[2].iov_len = 39700;
        assert_int_equal(io_write(&pair.server.io, iov, 3), 40000);
        assert_int_equal(raw_read(&raw, &pair, bytes, sizeof(bytes), &error), 16384);
        assert_int_equal(raw_read(&raw, &pair, bytes, sizeof(bytes), &error), 16384);
        assert_int_equal(raw_read(&raw, &pair, bytes, sizeof(bytes), &error), 40000 - 2 * 16384);
        raw_close(&raw);
        pair_close(&pair);
    }
}

static void test_records_that_came_together_are_read_one_after_the_other(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[4096];

    (void)state;
    for (int v = 0; v < 2; v++) {
        pair_open_raw(&pair, server, 0, 0);
        pair.server.read_size = 0;
        raw_open(&raw, &pair, versions[v]);
        assert_int_equal(raw_shake_hands(&raw, &pair), 0);
        pattern_fill(bytes, 0, sizeof(bytes));
        for (int i = 0; i < 4; i++)
            assert_int_equal(SSL_write(raw.ssl, bytes + i * 100, 100), 100);
        pair_until(&pair, pair.server.io.is_readable);
        pair_settle(&pair);
        assert_int_equal(io_read(&pair.server.io, bytes, 50), 50);
        assert_true(pair.server.io.is_readable);
        assert_int_equal(io_read(&pair.server.io, bytes + 50, 150), 150);
        assert_true(pair.server.io.is_readable);
        assert_int_equal(io_read(&pair.server.io, bytes + 200, sizeof(bytes) - 200), 200);
        assert_false(pair.server.io.is_readable);
        assert_true(pattern_is(bytes, 0, 400));
        raw_close(&raw);
        pair_close(&pair);
    }
}

/* Part of a record lies in OpenSSL's buffer: nothing can be read from it, so nothing is promised.
 */
static void test_half_a_record_is_waited_for(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[4096], cipher[4096];
    BIO *out = BIO_new(BIO_s_mem());
    int n;

    (void)state;
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, TLS1_3_VERSION);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    SSL_set0_wbio(raw.ssl, out);
    pattern_fill(bytes, 0, 1000);
    assert_int_equal(SSL_write(raw.ssl, bytes, 1000), 1000);
    n = BIO_read(out, cipher, sizeof(cipher));
    for (int i = 0; i < n; i += 100) {
        int piece = n - i < 100 ? n - i : 100;
        assert_int_equal(pair.server.received, 0);
        assert_int_equal(write(pair.raw_fd, cipher + i, (size_t)piece), piece);
        pair_settle(&pair);
        assert_false(pair.server.io.is_readable);
    }
    assert_int_equal(pair.server.received, 1000);
    assert_false(pair.server.is_garbled);
    raw_close(&raw);
    pair_close(&pair);
}

static void test_a_request_in_the_flight_of_the_handshakes_last_message_is_seen(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[500];
    BIO *out = BIO_new(BIO_s_mem());
    char cipher[8192];
    int r;

    (void)state;
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, TLS1_3_VERSION);
    assert_int_equal(SSL_do_handshake(raw.ssl), -1); /* says hello */
    pair_settle(&pair);
    SSL_set0_wbio(raw.ssl, out); /* from here on all in one segment */
    assert_int_equal(SSL_do_handshake(raw.ssl), 1);
    pattern_fill(bytes, 0, sizeof(bytes));
    assert_int_equal(SSL_write(raw.ssl, bytes, sizeof(bytes)), sizeof(bytes));
    r = BIO_read(out, cipher, sizeof(cipher));
    assert_int_equal(write(pair.raw_fd, cipher, (size_t)r), r);
    pair_until(&pair, pair.server.received == sizeof(bytes));
    assert_false(pair.server.io.is_readable);
    raw_close(&raw);
    pair_close(&pair);
}

/* After a short write the rest may come again from anywhere, with more behind it. */
static void test_a_write_that_did_not_fit_is_repeated_from_other_memory(void **state)
{
    struct pair pair;
    unsigned char *bytes = malloc(1000000), *copy = malloc(1000000);
    size_t done = 0;

    (void)state;
    pair_open(&pair, server, 0, origin, 32768);
    pair_shake_hands(&pair);
    pair.client.read_size = 0;
    pattern_fill(bytes, 0, 1000000);
    for (ssize_t n; done < 1000000; done += (size_t)n) {
        n = io_write(&pair.server.io, &(struct iovec){bytes + done, 1000000 - done}, 1);
        if (n < 0)
            break;
    }
    assert_in_range(done, 1, 999999);
    memcpy(copy, bytes, 1000000);
    memset(bytes, 0xee, 1000000);
    assert_int_equal(io_write(&pair.server.io, &(struct iovec){copy + done, 1000000 - done}, 1),
                     -EAGAIN);
    pair.client.read_size = 32768;
    io_again(&pair.loop, &pair.client.io);
    for (int i = 0; done < 1000000 && i < PAIR_TURNS_MAX; i++) {
        struct iovec iov[2] = {{copy + done, 1}, {copy + done + 1, 1000000 - done - 1}};
        ssize_t n = io_write(&pair.server.io, iov, 2);
        if (n > 0)
            done += (size_t)n;
        pair_turn(&pair);
    }
    pair_until(&pair, pair.client.received == 1000000);
    assert_false(pair.client.is_garbled);
    free(bytes);
    free(copy);
    pair_close(&pair);
}

static void test_writing_nothing_writes_nothing(void **state)
{
    struct pair pair;
    struct iovec empty[2] = {{NULL, 0}, {NULL, 0}};

    (void)state;
    pair_open(&pair, server, 0, origin, 0);
    pair_shake_hands(&pair);
    assert_int_equal(io_write(&pair.server.io, empty, 2), 0);
    assert_int_equal(io_write(&pair.server.io, empty, 0), 0);
    pair_settle(&pair);
    assert_int_equal(pair.client.received, 0);
    pair_close(&pair);
}

/* ---- Ends and breaks ------------------------------------------------------------------------ */

static void test_an_announced_end_reads_as_the_end(void **state)
{
    struct pair pair;
    unsigned char byte;

    (void)state;
    pair_open(&pair, server, 0, origin, 0);
    pair.client.to_send = 100;
    pair_until(&pair, pair.server.received == 100);
    io_shutdown(&pair.client.io);
    pair_until(&pair, pair.server.end != PAIR_NO_END);
    assert_int_equal(pair.server.end, 0);
    assert_int_equal(io_read(&pair.server.io, &byte, 1), 0); /* again and again */
    /* The other direction goes on. */
    end_add(&pair.server, 50000);
    pair_until(&pair, pair.client.received == 50000);
    io_shutdown(&pair.server.io);
    pair_until(&pair, pair.client.end != PAIR_NO_END);
    assert_int_equal(pair.client.end, 0);
    pair_close(&pair);
}

static void test_bytes_before_the_end_come_first(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, server, 0, origin, 0);
    pair_shake_hands(&pair);
    pair.server.read_size = 0;
    end_add(&pair.client, 1000);
    io_shutdown(&pair.client.io);
    pair_settle(&pair);
    pair.server.read_size = 32768;
    io_again(&pair.loop, &pair.server.io);
    pair_until(&pair, pair.server.end != PAIR_NO_END);
    assert_int_equal(pair.server.received, 1000);
    assert_int_equal(pair.server.end, 0);
    pair_close(&pair);
}

/* The end of TLS without the end of TCP: the socket stays open, but nothing may be put on it again.
 */
static void test_an_end_without_fin_shows_as_hangup(void **state)
{
    struct pair pair;
    struct raw raw;

    (void)state;
    for (int v = 0; v < 2; v++) {
        pair_open_raw(&pair, server, 0, 0);
        raw_open(&raw, &pair, versions[v]);
        assert_int_equal(raw_shake_hands(&raw, &pair), 0);
        assert_int_equal(SSL_shutdown(raw.ssl), 0);
        pair_until(&pair, pair.server.end != PAIR_NO_END);
        assert_int_equal(pair.server.end, 0);
        assert_true(pair.server.io.is_hangup);
        raw_close(&raw);
        pair_close(&pair);
    }
}

static void test_a_cut_does_not_read_as_an_end(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char byte, bytes[100];

    (void)state;
    for (int v = 0; v < 2; v++) {
        pair_open_raw(&pair, server, 0, 0);
        raw_open(&raw, &pair, versions[v]);
        assert_int_equal(raw_shake_hands(&raw, &pair), 0);
        pattern_fill(bytes, 0, sizeof(bytes));
        assert_int_equal(SSL_write(raw.ssl, bytes, sizeof(bytes)), sizeof(bytes));
        shutdown(pair.raw_fd, SHUT_WR);
        pair_until(&pair, pair.server.end != PAIR_NO_END);
        assert_int_equal(pair.server.received, sizeof(bytes));
        assert_int_equal(pair.server.end, -ECONNRESET);
        assert_int_equal(io_read(&pair.server.io, &byte, 1), -ECONNRESET);
        raw_close(&raw);
        pair_close(&pair);
    }
}

static void test_a_cut_within_a_record_does_not_read_as_an_end(void **state)
{
    struct pair pair;
    struct raw raw;
    static const unsigned char half[] = {23, 3, 3, 0, 100, 1, 2, 3};

    (void)state;
    for (int v = 0; v < 2; v++) {
        pair_open_raw(&pair, server, 0, 0);
        raw_open(&raw, &pair, versions[v]);
        assert_int_equal(raw_shake_hands(&raw, &pair), 0);
        assert_int_equal(write(pair.raw_fd, half, sizeof(half)), sizeof(half));
        shutdown(pair.raw_fd, SHUT_WR);
        pair_until(&pair, pair.server.end != PAIR_NO_END);
        assert_int_equal(pair.server.end, -ECONNRESET);
        raw_close(&raw);
        pair_close(&pair);
    }
}

static void test_a_reset_reads_as_a_reset(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, server, 0, origin, 0);
    pair_shake_hands(&pair);
    pair_settle(&pair);
    io_reset(&pair.loop, &pair.client.io);
    pair_until(&pair, pair.server.end != PAIR_NO_END);
    assert_int_equal(pair.server.end, -ECONNRESET);
    pair_close(&pair);
}

static void test_writing_to_a_peer_that_is_gone_fails_without_a_signal(void **state)
{
    struct pair pair;
    char bytes[1000] = "";
    ssize_t r = 0;

    (void)state;
    pair_open(&pair, server, 0, origin, 0);
    pair_shake_hands(&pair);
    io_reset(&pair.loop, &pair.client.io);
    pair.server.read_size = 0;
    for (int i = 0; i < 100 && r >= 0; i++) {
        r = io_write(&pair.server.io, &(struct iovec){bytes, sizeof(bytes)}, 1);
        pair_turn(&pair);
    }
    assert_true(r == -EPIPE || r == -ECONNRESET);
    pair_close(&pair);
}

static void test_a_record_changed_on_its_way_breaks_the_connection(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char record[5 + 64] = {23, 3, 3, 0, 64};
    int error;

    (void)state;
    for (int v = 0; v < 2; v++) {
        pair_open_raw(&pair, server, 0, 0);
        raw_open(&raw, &pair, versions[v]);
        assert_int_equal(raw_shake_hands(&raw, &pair), 0);
        assert_int_equal(write(pair.raw_fd, record, sizeof(record)), sizeof(record));
        pair_until(&pair, pair.server.end != PAIR_NO_END);
        assert_int_equal(pair.server.end, -EPROTO);
        /* The peer is told: bad_record_mac. */
        assert_int_equal(raw_read(&raw, &pair, record, sizeof(record), &error), 0);
        assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
                         SSL_AD_REASON_OFFSET + SSL_AD_BAD_RECORD_MAC);
        raw_close(&raw);
        pair_close(&pair);
    }
}

/* Sends records of one byte until the socket takes no more, or nr of them; then says goodbye.
 * Returns how many it took. */
static int fill_and_shut(int nr)
{
    struct pair pair;
    unsigned char byte;
    int sent = 0;

    pair_open(&pair, server, 0, origin, 4096);
    pair_shake_hands(&pair);
    pair_settle(&pair);
    pair.client.read_size = 0;
    for (; sent < nr; sent++) {
        byte = pattern_at((size_t)sent);
        if (io_write(&pair.server.io, &(struct iovec){&byte, 1}, 1) != 1)
            break;
    }
    if (sent == nr) {
        io_shutdown(&pair.server.io);
        pair_settle(&pair);
        pair.client.read_size = 32768;
        io_again(&pair.loop, &pair.client.io);
        pair_until(&pair, pair.client.end != PAIR_NO_END);
        assert_int_equal(pair.client.end, 0);
        assert_int_equal(pair.client.received, nr);
    }
    pair_close(&pair);
    return sent;
}

/* The farewell must not be lost because the socket is full just then. */
static void test_the_end_is_announced_through_a_full_socket(void **state)
{
    int room = fill_and_shut(INT32_MAX);

    (void)state;
    assert_true(room > 5);
    for (int nr = room - 5; nr <= room + 5; nr++)
        fill_and_shut(nr);
}

/* ---- TLS' own messages ---------------------------------------------------------------------- */

static void test_key_updates_are_answered(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[1000];
    int error;

    (void)state;
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, TLS1_3_VERSION);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    for (size_t i = 1; i <= 5; i++) {
        assert_int_equal(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        pattern_fill(bytes, (i - 1) * 100, 100);
        assert_int_equal(SSL_write(raw.ssl, bytes, 100), 100);
        pair_until(&pair, pair.server.received == i * 100);
        assert_false(pair.server.is_garbled);
        end_add(&pair.server, 200);
        assert_int_equal(raw_read(&raw, &pair, bytes, sizeof(bytes), &error), 200);
        assert_true(pattern_is(bytes, (i - 1) * 200, 200));
    }
    assert_false(pair.server.io.is_readable);
    raw_close(&raw);
    pair_close(&pair);
}

/* The answer to a key update does not fit in while the body waits for the client: it goes out with
 * the body. */
static void test_key_updates_are_answered_while_the_socket_is_full(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[65536];
    size_t got = 0;
    int error;

    (void)state;
    pair_open_raw(&pair, server, 0, 4096);
    raw_open(&raw, &pair, TLS1_3_VERSION);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    end_add(&pair.server, 1000000);
    pair_settle(&pair);
    assert_true(pair.server.sent < 1000000);
    pattern_fill(bytes, 0, 100);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(raw.ssl), 1);
    }
    assert_int_equal(SSL_write(raw.ssl, bytes, 100), 100);
    while (got < 1000000) {
        int n = raw_read(&raw, &pair, bytes, sizeof(bytes), &error);
        assert_true(n > 0);
        assert_true(pattern_is(bytes, got, (size_t)n));
        got += (size_t)n;
    }
    pair_until(&pair, pair.server.received == 100);
    assert_int_equal(pair.server.write_error, 0);
    raw_close(&raw);
    pair_close(&pair);
}

static void test_a_flood_of_key_updates_ends_the_connection(void **state)
{
    struct pair pair;
    struct raw raw;
    BIO *out = BIO_new(BIO_s_mem());
    char *cipher;
    long n, at = 0;

    (void)state;
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, TLS1_3_VERSION);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    SSL_set0_wbio(raw.ssl, out);
    for (int i = 0; i < 40000; i++) {
        assert_int_equal(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(raw.ssl), 1);
    }
    n = BIO_get_mem_data(out, &cipher);
    for (int i = 0; i < PAIR_TURNS_MAX && pair.server.end == PAIR_NO_END && at < n; i++) {
        ssize_t r = send(pair.raw_fd, cipher + at, (size_t)(n - at), MSG_NOSIGNAL);
        if (r > 0)
            at += r;
        pair_turn(&pair);
    }
    pair_until(&pair, pair.server.end != PAIR_NO_END);
    assert_int_equal(pair.server.end, -EPROTO);
    raw_close(&raw);
    pair_close(&pair);
}

static void test_renegotiation_is_refused(void **state)
{
    struct pair pair;
    struct raw raw;
    unsigned char bytes[100];
    int error;

    (void)state;
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, TLS1_2_VERSION);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    assert_int_equal(SSL_renegotiate(raw.ssl), 1);
    SSL_do_handshake(raw.ssl);
    pair_settle(&pair);
    assert_int_equal(raw_read(&raw, &pair, bytes, sizeof(bytes), &error), 0);
    assert_int_equal(error,
                     SSL_ERROR_SSL); /* no_renegotiation, which OpenSSL's client takes as fatal */
    raw_close(&raw);
    pair_close(&pair);
}

/* ---- Handshakes that fail ------------------------------------------------------------------- */

static void expect_reason(const char *bytes, size_t n, const char *reason)
{
    struct pair pair;

    pair_open_raw(&pair, server, 0, 0);
    assert_int_equal(write(pair.raw_fd, bytes, n), n);
    shutdown(pair.raw_fd, SHUT_WR);
    pair_until(&pair, pair.server.failure);
    assert_int_equal(pair.server.failure, -EPROTO);
    if (!strstr(pair.server.reason, reason))
        fail_msg("\"%s\" says nothing of \"%s\"", pair.server.reason, reason);
    pair_close(&pair);
}

static void test_what_is_not_tls_is_told_apart(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    static const char proxy[] = "CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    static const char ssh[] =
        "SSH-2.0-OpenSSH_9.2p1\r\nand some more bytes to fill what a record has\r\n";

    (void)state;
    expect_reason(http, sizeof(http) - 1, "plain HTTP request");
    expect_reason(proxy, sizeof(proxy) - 1, "plain CONNECT request");
    expect_reason(ssh, sizeof(ssh) - 1, "does not speak TLS");
    expect_reason("", 0, "closed the connection");
    expect_reason("\x16\x03\x01", 3, "closed the connection");
}

/* The alert must reach a client that goes on sending: what it sends is read away until it ends. */
static void test_an_alert_survives_what_the_client_still_sends(void **state)
{
    static const unsigned char h2[] = "\x02h2";
    unsigned char alert[100];
    char more[10000];
    struct pair pair;
    struct raw raw;
    ssize_t n = 1;

    (void)state;
    memset(more, 'x', sizeof(more));
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, 0);
    SSL_set_alpn_protos(raw.ssl, h2, sizeof(h2) - 1);
    assert_int_equal(SSL_do_handshake(raw.ssl), -1); /* says hello */
    pair_until(&pair, pair.server.failure);
    assert_int_equal(io_write(&pair.server.io, &(struct iovec){more, 1}, 1), -EPROTO);
    io_shutdown(&pair.server.io);
    assert_int_equal(write(pair.raw_fd, more, sizeof(more)), sizeof(more));
    shutdown(pair.raw_fd, SHUT_WR);
    pair_until(&pair, pair.server.io.is_hangup);
    for (int i = 0; i < 100 && n > 0; i++)
        n = io_read(&pair.server.io, more, 500);
    assert_int_equal(n, 0);
    io_close(&pair.loop, &pair.server.io);
    assert_int_equal(read(pair.raw_fd, alert, sizeof(alert)), 7);
    assert_int_equal(alert[0], SSL3_RT_ALERT);
    assert_int_equal(alert[6], SSL_AD_NO_APPLICATION_PROTOCOL);
    assert_int_equal(read(pair.raw_fd, alert, sizeof(alert)), 0);
    raw_close(&raw);
    pair_close(&pair);
}

static void test_a_client_that_leaves_in_the_middle_is_named(void **state)
{
    struct pair pair;
    struct raw raw;

    (void)state;
    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, TLS1_3_VERSION);
    assert_int_equal(SSL_do_handshake(raw.ssl), -1);
    pair_settle(&pair);
    shutdown(pair.raw_fd, SHUT_RDWR);
    pair_until(&pair, pair.server.failure);
    assert_int_equal(pair.server.failure, -EPROTO);
    raw_close(&raw);
    pair_close(&pair);
}

static void test_the_subject_of_nobody_is_empty(void **state)
{
    struct pair pair;
    char subject[10] = "x";

    (void)state;
    pair_open(&pair, server, 0, origin_any, 0);
    pair_shake_hands(&pair);
    tls_peer_subject(&pair.server.io, subject, sizeof(subject));
    assert_string_equal(subject, "");
    tls_peer_subject(&pair.ticker, subject, sizeof(subject)); /* no TLS at all */
    assert_string_equal(subject, "");
    pair_close(&pair);
}

/* Connections outlive what they were made of. */
static void test_a_connection_keeps_its_server_and_its_origin(void **state)
{
    const struct lab_cert *certs[] = {&leaf};
    struct origin wanted = plan_origin("a.example", authority.file);
    struct tls_server *brief;
    struct tls_origin *brief_origin;
    const char *reason = NULL;
    struct plan plan;
    struct pair pair;

    (void)state;
    plan_init(&plan, certs, 1);
    brief = plan_make(&plan, NULL);
    brief_origin = tls_origin_make(&wanted, &reason);
    assert_non_null(brief_origin);
    pair_open(&pair, brief, 0, brief_origin, 0);
    tls_server_unref(&brief);
    tls_origin_free(&brief_origin);
    assert_null(brief);
    pair_shake_hands(&pair);
    end_add(&pair.client, 1000);
    pair_until(&pair, pair.server.received == 1000);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_pass_both_ways),
        cmocka_unit_test(test_large_bodies_pass_through_tiny_socket_buffers_both_ways),
        cmocka_unit_test(test_large_bodies_pass_through_ordinary_buffers),
        cmocka_unit_test(test_reading_byte_by_byte_loses_nothing),
        cmocka_unit_test(test_a_request_that_came_whole_leaves_nothing_to_read),
        cmocka_unit_test(test_a_head_and_a_small_body_are_one_record),
        cmocka_unit_test(test_records_that_came_together_are_read_one_after_the_other),
        cmocka_unit_test(test_half_a_record_is_waited_for),
        cmocka_unit_test(test_a_request_in_the_flight_of_the_handshakes_last_message_is_seen),
        cmocka_unit_test(test_a_write_that_did_not_fit_is_repeated_from_other_memory),
        cmocka_unit_test(test_writing_nothing_writes_nothing),
        cmocka_unit_test(test_an_announced_end_reads_as_the_end),
        cmocka_unit_test(test_bytes_before_the_end_come_first),
        cmocka_unit_test(test_an_end_without_fin_shows_as_hangup),
        cmocka_unit_test(test_a_cut_does_not_read_as_an_end),
        cmocka_unit_test(test_a_cut_within_a_record_does_not_read_as_an_end),
        cmocka_unit_test(test_a_reset_reads_as_a_reset),
        cmocka_unit_test(test_writing_to_a_peer_that_is_gone_fails_without_a_signal),
        cmocka_unit_test(test_a_record_changed_on_its_way_breaks_the_connection),
        cmocka_unit_test(test_the_end_is_announced_through_a_full_socket),
        cmocka_unit_test(test_key_updates_are_answered),
        cmocka_unit_test(test_key_updates_are_answered_while_the_socket_is_full),
        cmocka_unit_test(test_a_flood_of_key_updates_ends_the_connection),
        cmocka_unit_test(test_renegotiation_is_refused),
        cmocka_unit_test(test_what_is_not_tls_is_told_apart),
        cmocka_unit_test(test_an_alert_survives_what_the_client_still_sends),
        cmocka_unit_test(test_a_client_that_leaves_in_the_middle_is_named),
        cmocka_unit_test(test_the_subject_of_nobody_is_empty),
        cmocka_unit_test(test_a_connection_keeps_its_server_and_its_origin),
    };

    return cmocka_run_group_tests_name("the TLS layer", tests, begin, end);
}
