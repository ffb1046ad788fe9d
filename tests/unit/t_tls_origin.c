/* https endpoints: who is believed, what is resumed, and what a reload changes. */
#include "tls_lab.h"

#include "tls_pair.h"

static struct lab_cert authority, other_authority, middle, named, addressed, common, partial, wild,
    expired, stranger, client;

/* A certificate for named.example and the rest, as the case wants it. */
static struct lab_cert issue(const char *file, const char *names, const char *common_name,
                             const struct lab_cert *issuer)
{
    return lab_make(
        file, &(struct lab_wish){.names = names, .common_name = common_name, .issuer = issuer});
}

static int begin(void **state)
{
    if (lab_begin(state) < 0)
        return -1;
    authority = lab_authority("ca");
    other_authority = lab_authority("other-ca");
    middle = lab_make(
        "middle",
        &(struct lab_wish){.common_name = "middle", .is_authority = true, .issuer = &authority});
    named = issue("named", "DNS:named.example,DNS:second.example", NULL, &authority);
    addressed = issue("addressed", "IP:127.0.0.1,IP:::1", NULL, &authority);
    common = issue("common", NULL, "common.example", &authority);
    partial = issue("partial", "DNS:pa*.example", NULL, &authority);
    wild = issue("wild", "DNS:*.wild.example", NULL, &authority);
    expired = lab_make(
        "expired",
        &(struct lab_wish){.names = "DNS:named.example", .issuer = &authority, .is_expired = true});
    stranger = issue("stranger", "DNS:named.example", NULL, &other_authority);
    client = lab_make("client", &(struct lab_wish){.common_name = "weir", .issuer = &authority});
    return 0;
}

static int end(void **state)
{
    struct lab_cert *all[] = {&authority, &other_authority, &middle,  &named,
                              &addressed, &common,          &partial, &wild,
                              &expired,   &stranger,        &client};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        lab_free(all[i]);
    tls_origin_reload();
    tls_origin_reload(); /* nothing is in use: all is dropped */
    return lab_end(state);
}

/* ---- Verification --------------------------------------------------------------------------- */

static struct tls_server *serve(const struct lab_cert *cert)
{
    const struct lab_cert *certs[] = {cert};
    struct plan plan;

    plan_init(&plan, certs, 1);
    return plan_make(&plan, NULL);
}

static struct tls_origin *make(const struct origin *origin)
{
    const char *reason = "";
    struct tls_origin *tls = tls_origin_make(origin, &reason);

    if (!tls)
        fail_msg("%s", reason);
    return tls;
}

/* One handshake: "" if it is through, else the client's reason. The text stays until the next call.
 */
static const char *shake_hands(struct tls_origin *tls, struct tls_server *server)
{
    static char reason[512];
    struct pair pair;

    pair_open(&pair, server, 0, tls, 0);
    pair_shake_hands(&pair);
    pair_settle(&pair);
    snprintf(reason, sizeof(reason), "%s", pair.client.reason);
    assert_int_equal(pair.client.is_established, reason[0] == '\0');
    if (pair.client.is_established) { /* the tickets come with the first bytes */
        end_add(&pair.server, 10);
        pair_until(&pair, pair.client.received == 10);
    }
    pair_close(&pair);
    return reason;
}

/* What comes of it when an endpoint with this certificate is called by that name. */
static const char *call(const struct origin *origin, const struct lab_cert *cert)
{
    struct tls_server *server = serve(cert);
    struct tls_origin *tls = make(origin);
    const char *reason = shake_hands(tls, server);

    tls_origin_free(&tls);
    tls_server_unref(&server);
    return reason;
}

static void expect_good(const char *host, const struct lab_cert *cert)
{
    struct origin origin = plan_origin(host, authority.file);

    assert_string_equal(call(&origin, cert), "");
}

static void expect_bad(const char *host, const struct lab_cert *cert, const char *words)
{
    struct origin origin = plan_origin(host, authority.file);
    const char *reason = call(&origin, cert);

    if (!strstr(reason, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", host, reason, words);
}

static void test_the_certificate_must_name_the_endpoint(void **state)
{
    (void)state;
    expect_good("named.example", &named);
    expect_good("second.example", &named);
    expect_good("named.example.", &named);
    expect_good("a.wild.example", &wild);
    expect_bad("other.example", &named, "is not for other.example");
    expect_bad("wild.example", &wild, "is not for wild.example");
    expect_bad("a.b.wild.example", &wild, "is not for a.b.wild.example");
    expect_bad("common.example", &common,
               "is not for common.example, or names it in its subject only");
    expect_bad("partial.example", &partial, "is not for partial.example");
}

static void test_the_certificate_must_have_the_endpoints_address(void **state)
{
    (void)state;
    expect_good("127.0.0.1", &addressed);
    expect_good("::1", &addressed);
    expect_bad("127.0.0.2", &addressed, "is not for 127.0.0.2");
    expect_bad("::2", &addressed, "is not for ");
    expect_bad("127.0.0.1", &named, "is not for 127.0.0.1");
}

static void test_the_certificate_must_come_from_an_authority(void **state)
{
    (void)state;
    expect_bad("named.example", &stranger,
               "is not trusted: unable to get local issuer certificate");
    expect_bad("named.example", &expired, "is not trusted: certificate has expired");
}

static void test_an_authority_between_can_be_trusted_alone(void **state)
{
    struct lab_cert below = issue("below", "DNS:below.example", NULL, &middle);
    struct origin trusting_middle = plan_origin("below.example", middle.file);
    struct origin trusting_leaf = plan_origin("named.example", named.file);

    (void)state;
    assert_string_equal(call(&trusting_middle, &below), "");
    assert_string_equal(call(&trusting_leaf, &named), "");
    expect_bad("below.example", &below, "is not trusted"); /* the endpoint sends no chain */
    lab_free(&below);
}

static void test_the_system_knows_nobody_from_the_lab(void **state)
{
    struct origin origin = plan_origin("named.example", NULL);

    (void)state;
    origin.tls.verify = true;
    assert_non_null(strstr(call(&origin, &named), "is not trusted"));
}

static void test_without_verification_anybody_is_taken(void **state)
{
    struct origin origin = plan_origin("whatever.example", NULL);

    (void)state;
    assert_string_equal(call(&origin, &stranger), "");
    assert_string_equal(call(&origin, &expired), "");
    origin.host = (char *)"127.0.0.1";
    assert_string_equal(call(&origin, &named), "");
}

static void test_the_name_to_ask_for_can_be_another(void **state)
{
    struct origin origin = plan_origin("127.0.0.1", authority.file);

    (void)state;
    origin.tls.server_name = (char *)"named.example";
    assert_string_equal(call(&origin, &named), "");
    assert_non_null(strstr(call(&origin, &addressed), "is not for named.example"));
}

/* What the endpoint sees of the name. */
static void expect_sni(const struct origin *origin, const char *name)
{
    struct tls_origin *tls = make(origin);
    struct pair pair;
    struct raw raw;

    pair_open_to_raw(&pair, tls);
    raw_open_server(&raw, &pair, 0, &named);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    if (name)
        assert_string_equal(SSL_get_servername(raw.ssl, TLSEXT_NAMETYPE_host_name), name);
    else
        assert_null(SSL_get_servername(raw.ssl, TLSEXT_NAMETYPE_host_name));
    raw_close(&raw);
    pair_close(&pair);
    tls_origin_free(&tls);
}

static void test_names_are_sent_and_addresses_are_not(void **state)
{
    struct origin origin = plan_origin("any.example.", NULL);

    (void)state;
    expect_sni(&origin, "any.example");
    origin.host = (char *)"127.0.0.1";
    expect_sni(&origin, NULL);
    origin.tls.server_name = (char *)"other.example";
    expect_sni(&origin, "other.example");
    origin.tls.server_name = (char *)"::1";
    expect_sni(&origin, NULL);
}

/* ---- Endpoints that are not as they should be ----------------------------------------------- */

static void expect_reason_from_raw(int version, const char *words)
{
    struct origin origin = plan_origin("any.example", NULL);
    struct tls_origin *tls = make(&origin);
    struct pair pair;
    struct raw raw;

    pair_open_to_raw(&pair, tls);
    raw_open_server(&raw, &pair, version, &named);
    assert_int_not_equal(raw_shake_hands(&raw, &pair), 0);
    pair_until(&pair, pair.client.failure);
    if (!strstr(pair.client.reason, words))
        fail_msg("\"%s\" does not say \"%s\"", pair.client.reason, words);
    raw_close(&raw);
    pair_close(&pair);
    tls_origin_free(&tls);
}

static void test_an_endpoint_with_old_tls_is_refused(void **state)
{
    (void)state;
    expect_reason_from_raw(TLS1_1_VERSION, "the alert \"protocol version\"");
}

static void test_an_endpoint_without_tls_is_named(void **state)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    struct origin origin = plan_origin("any.example", NULL);
    struct tls_origin *tls = make(&origin);
    struct pair pair;

    (void)state;
    pair_open_to_raw(&pair, tls);
    pair_settle(&pair);
    assert_int_equal(write(pair.raw_fd, answer, sizeof(answer) - 1), sizeof(answer) - 1);
    pair_until(&pair, pair.client.failure);
    assert_non_null(strstr(pair.client.reason, "does not speak TLS"));
    pair_close(&pair);
    pair_open_to_raw(&pair, tls);
    shutdown(pair.raw_fd, SHUT_RDWR);
    pair_until(&pair, pair.client.failure);
    assert_non_null(strstr(pair.client.reason, "closed the connection"));
    pair_close(&pair);
    tls_origin_free(&tls);
}

static void test_http_1_1_is_asked_for_and_nothing_else_is_taken(void **state)
{
    struct origin origin = plan_origin("any.example", NULL);
    struct tls_origin *tls = make(&origin);
    const unsigned char *alpn;
    unsigned int n;
    struct pair pair;
    struct raw raw;

    (void)state;
    pair_open_to_raw(&pair, tls);
    raw_open_server(&raw, &pair, 0, &named); /* takes no notice of ALPN */
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    SSL_get0_alpn_selected(raw.ssl, &alpn, &n);
    assert_int_equal(n, 0);
    assert_true(pair.client.is_established);
    raw_close(&raw);
    pair_close(&pair);
    tls_origin_free(&tls);
}

/* Tickets by the dozen, as some servers give them: no attack, and no data either. */
static void test_many_tickets_are_taken_in(void **state)
{
    struct origin origin = plan_origin("any.example", NULL);
    struct tls_origin *tls = make(&origin);
    struct pair pair;
    struct raw raw;

    (void)state;
    pair_open_to_raw(&pair, tls);
    raw_open_server(&raw, &pair, TLS1_3_VERSION, &named);
    SSL_set_num_tickets(raw.ssl, 50);
    assert_int_equal(raw_shake_hands(&raw, &pair), 0);
    pair_settle(&pair);
    assert_int_equal(pair.client.end, PAIR_NO_END);
    assert_false(pair.client.io.is_readable);
    raw_close(&raw);
    pair_close(&pair);
    tls_origin_free(&tls);
}

/* ---- Sessions ------------------------------------------------------------------------------- */

/* An endpoint that knows the first one's ticket keys but has a certificate that nobody trusts: only
 * who resumes gets in. */
static struct tls_server *impostor(struct tls_server *server)
{
    const struct lab_cert *certs[] = {&stranger};
    struct plan plan;

    plan_init(&plan, certs, 1);
    return plan_make(&plan, server);
}

static void test_sessions_are_resumed(void **state)
{
    struct origin origin = plan_origin("named.example", authority.file);
    struct tls_server *server = serve(&named), *other = impostor(server);
    struct tls_origin *tls = make(&origin), *fresh = make(&origin);

    (void)state;
    assert_string_equal(shake_hands(tls, server), "");
    for (int i = 0; i < 3; i++)
        assert_string_equal(shake_hands(tls, other), "");
    assert_string_not_equal(shake_hands(fresh, other), ""); /* sessions belong to one pool */
    tls_origin_free(&tls);
    tls_origin_free(&fresh);
    tls_server_unref(&server);
    tls_server_unref(&other);
}

static void test_a_session_is_forgotten_when_a_handshake_fails(void **state)
{
    struct origin origin = plan_origin("named.example", authority.file);
    struct tls_server *server = serve(&named), *other = impostor(server),
                      *unknown = serve(&stranger);
    struct tls_origin *tls = make(&origin);

    (void)state;
    assert_string_equal(shake_hands(tls, server), "");
    assert_string_not_equal(shake_hands(tls, unknown), ""); /* a full handshake, which fails */
    assert_string_not_equal(shake_hands(tls, other), "");
    tls_origin_free(&tls);
    tls_server_unref(&server);
    tls_server_unref(&other);
    tls_server_unref(&unknown);
}

/* ---- Files and reload ----------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    char text[8192] = "";
    FILE *f = fopen(from, "r");

    assert_non_null(f);
    assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
    fclose(f);
    lab_write(to, text);
}

static void test_a_reload_takes_over_changed_authorities(void **state)
{
    char file[LAB_PATH];
    struct origin origin;
    struct tls_server *server = serve(&named), *other = impostor(server);
    struct tls_origin *tls;

    (void)state;
    lab_path(file, "changing-ca.pem");
    copy_file(authority.file, file);
    lab_age(file);
    origin = plan_origin("named.example", file);
    tls = make(&origin);
    assert_string_equal(shake_hands(tls, server), "");
    tls_origin_reload(); /* nothing has changed: the session stays */
    assert_string_equal(shake_hands(tls, other), "");

    copy_file(other_authority.file, file);
    assert_string_equal(shake_hands(tls, server), ""); /* not yet */
    tls_origin_reload();
    /* The session was verified by an authority that is no longer trusted, so it is not resumed; who
     * is trusted now gets in. */
    assert_non_null(strstr(shake_hands(tls, server), "is not trusted"));
    assert_string_equal(shake_hands(tls, other), "");

    lab_write(file, "broken\n");
    tls_origin_reload();
    assert_string_equal(shake_hands(tls, other), ""); /* what was good stays */
    assert_int_equal(unlink(file), 0);
    tls_origin_reload();
    assert_string_equal(shake_hands(tls, other), "");
    copy_file(authority.file, file);
    tls_origin_reload();
    assert_string_equal(shake_hands(tls, server), "");
    tls_origin_free(&tls);
    tls_server_unref(&server);
    tls_server_unref(&other);
}

static void test_a_session_agreed_before_a_reload_is_not_kept_after_it(void **state)
{
    char file[LAB_PATH];
    struct origin origin;
    struct tls_server *server = serve(&named);
    struct tls_origin *tls;
    struct pair pair, later;

    (void)state;
    lab_path(file, "late-ca.pem");
    copy_file(authority.file, file);
    origin = plan_origin("named.example", file);
    tls = make(&origin);
    pair_open(&pair, server, 0, tls, 0);
    pair.client.read_size = 0; /* its tickets stay unread */
    pair_shake_hands(&pair);
    copy_file(other_authority.file, file);
    tls_origin_reload();
    pair_open(&later, server, 0, tls, 0); /* takes the new authorities over */
    pair_shake_hands(&later);
    assert_true(later.client.failure < 0);
    pair_close(&later);
    pair.client.read_size = 32768;
    end_add(&pair.server, 10);
    io_again(&pair.loop, &pair.client.io);
    pair_until(&pair, pair.client.received == 10); /* the connection itself goes on */
    pair_close(&pair);
    assert_string_not_equal(shake_hands(tls, server), "");
    tls_origin_free(&tls);
    tls_server_unref(&server);
}

static void expect_unprepared(const struct origin *origin, const char *words)
{
    const char *reason = "";
    struct tls_origin *tls;

    assert_int_equal(tls_origin_prepare(origin, &reason), -1);
    if (!strstr(reason, words))
        fail_msg("\"%s\" does not say \"%s\"", reason, words);
    reason = "";
    tls = tls_origin_make(origin, &reason);
    assert_null(tls);
    assert_non_null(strstr(reason, words));
}

static void test_files_that_cannot_be_used_are_named(void **state)
{
    struct origin origin = plan_origin("named.example", "/none/ca.pem");
    const char *reason;

    (void)state;
    expect_unprepared(&origin, "/none/ca.pem: there is no such file");
    origin.tls.ca_file = client.key_file;
    expect_unprepared(&origin, "has no certificate in it");
    origin.tls.ca_file = authority.file;
    assert_int_equal(tls_origin_prepare(&origin, &reason), 0);
    origin.tls.certificate = (char *)"/none/client.pem";
    origin.tls.key = client.key_file;
    expect_unprepared(&origin, "/none/client.pem: there is no such file");
    origin.tls.certificate = client.file;
    origin.tls.key = (char *)"/none/client.key";
    expect_unprepared(&origin, "/none/client.key: there is no such file");
    origin.tls.key = named.key_file;
    expect_unprepared(&origin, "is not the key of this certificate");
    origin.tls.key = NULL; /* then it is in the certificate's file */
    expect_unprepared(&origin, "has no private key in it");
    origin.tls.key = client.key_file;
    assert_int_equal(tls_origin_prepare(&origin, &reason), 0);
}

/* What was prepared is used, and not read again by the worker that makes the pool. */
static void test_workers_find_what_was_prepared(void **state)
{
    char file[LAB_PATH];
    struct origin origin;
    struct tls_origin *tls;
    struct tls_server *server = serve(&named);
    const char *reason;

    (void)state;
    lab_path(file, "prepared-ca.pem");
    copy_file(authority.file, file);
    origin = plan_origin("named.example", file);
    assert_int_equal(tls_origin_prepare(&origin, &reason), 0);
    assert_int_equal(unlink(file), 0);
    tls = make(&origin);
    assert_string_equal(shake_hands(tls, server), "");
    tls_origin_free(&tls);
    tls_origin_reload(); /* it was prepared, for this reload or by one that failed */
    tls = make(&origin);
    tls_origin_free(&tls);
    tls_origin_reload(); /* nobody uses it: forgotten */
    assert_null(tls_origin_make(&origin, &reason));
    tls_server_unref(&server);
}

static void test_a_client_certificate_is_shown(void **state)
{
    const struct lab_cert *certs[] = {&named};
    struct origin origin = plan_origin("named.example", authority.file);
    struct tls_server *server;
    struct tls_origin *tls;
    struct plan plan;
    struct pair pair;
    char subject[100];

    (void)state;
    plan_init(&plan, certs, 1);
    plan.listener.client_ca = authority.file;
    plan.listener.client_required = true;
    server = plan_make(&plan, NULL);
    origin.tls.certificate = client.file;
    origin.tls.key = client.key_file;
    tls = make(&origin);
    pair_open(&pair, server, 0, tls, 0);
    pair_shake_hands(&pair);
    tls_peer_subject(&pair.server.io, subject, sizeof(subject));
    assert_string_equal(subject, "CN=weir");
    pair_close(&pair);
    tls_origin_free(&tls);
    tls_server_unref(&server);
}

/* With TLS 1.3 the endpoint's refusal comes after the client has taken the handshake for done. */
static void test_a_refused_client_certificate_shows_when_reading(void **state)
{
    const struct lab_cert *certs[] = {&named};
    struct origin origin = plan_origin("named.example", authority.file);
    struct tls_server *server;
    struct tls_origin *tls = make(&origin);
    struct plan plan;
    struct pair pair;

    (void)state;
    plan_init(&plan, certs, 1);
    plan.listener.client_ca = authority.file;
    plan.listener.client_required = true;
    server = plan_make(&plan, NULL);
    pair_open(&pair, server, 0, tls, 0);
    pair_until(&pair, pair.server.failure);
    pair_until(&pair, pair.client.end != PAIR_NO_END);
    assert_int_equal(pair.client.end, -EPROTO);
    pair_close(&pair);
    tls_origin_free(&tls);
    tls_server_unref(&server);
}

/* ---- Threads -------------------------------------------------------------------------------- */

enum { WORKERS = 3, CALLS = 40 };

struct caller {
    const struct origin *origin;
    struct tls_server *server;
    int nr_good, nr_bad;
};

/* A handshake through memory, as the ends of pair use assertions, which are for the test's own
 * thread. */
static void *keep_calling(void *arg)
{
    struct caller *caller = arg;
    const char *reason;

    for (int i = 0; i < CALLS; i++) {
        struct tls_origin *tls = tls_origin_make(caller->origin, &reason);
        struct io client_io = {.fd = -1}, server_io = {.fd = -1};
        int fds[2];
        int r = -EAGAIN, s = -EAGAIN;
        if (!tls || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
            break;
        client_io.fd = fds[0];
        server_io.fd = fds[1];
        if (tls_connect(&client_io, tls) < 0 || tls_accept(&server_io, caller->server, 0) < 0)
            break;
        for (int k = 0; k < 20 && (r == -EAGAIN || s == -EAGAIN); k++) {
            client_io.is_readable = server_io.is_readable = true;
            r = r == -EAGAIN ? tls_handshake(&client_io, &reason) : r;
            s = s == -EAGAIN ? tls_handshake(&server_io, &reason) : s;
        }
        caller->nr_good += r == 0 && s == 0;
        caller->nr_bad += r != 0 || s != 0;
        client_io.layer->free(&client_io);
        server_io.layer->free(&server_io);
        close(fds[0]);
        close(fds[1]);
        tls_origin_free(&tls);
    }
    return NULL;
}

static void test_workers_call_while_files_change(void **state)
{
    char file[LAB_PATH];
    struct origin origin;
    struct tls_server *server = serve(&named);
    struct caller callers[WORKERS];
    pthread_t threads[WORKERS];

    (void)state;
    lab_path(file, "busy-ca.pem");
    copy_file(authority.file, file);
    origin = plan_origin("named.example", file);
    for (int i = 0; i < WORKERS; i++) {
        callers[i] = (struct caller){.origin = &origin, .server = tls_server_ref(server)};
        assert_int_equal(pthread_create(&threads[i], NULL, keep_calling, &callers[i]), 0);
    }
    for (uint64_t i = 0; i < 40; i++) {
        const char *reason;
        copy_file(authority.file, file);
        tls_origin_reload();
        assert_int_equal(tls_origin_prepare(&origin, &reason), 0);
        tls_server_rotate(server, clock_ms() + i * 3600 * 1000);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(callers[i].nr_good, CALLS);
        assert_int_equal(callers[i].nr_bad, 0);
        tls_server_unref(&callers[i].server);
    }
    tls_server_unref(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_certificate_must_name_the_endpoint),
        cmocka_unit_test(test_the_certificate_must_have_the_endpoints_address),
        cmocka_unit_test(test_the_certificate_must_come_from_an_authority),
        cmocka_unit_test(test_an_authority_between_can_be_trusted_alone),
        cmocka_unit_test(test_the_system_knows_nobody_from_the_lab),
        cmocka_unit_test(test_without_verification_anybody_is_taken),
        cmocka_unit_test(test_the_name_to_ask_for_can_be_another),
        cmocka_unit_test(test_names_are_sent_and_addresses_are_not),
        cmocka_unit_test(test_an_endpoint_with_old_tls_is_refused),
        cmocka_unit_test(test_an_endpoint_without_tls_is_named),
        cmocka_unit_test(test_http_1_1_is_asked_for_and_nothing_else_is_taken),
        cmocka_unit_test(test_many_tickets_are_taken_in),
        cmocka_unit_test(test_sessions_are_resumed),
        cmocka_unit_test(test_a_session_is_forgotten_when_a_handshake_fails),
        cmocka_unit_test(test_a_reload_takes_over_changed_authorities),
        cmocka_unit_test(test_a_session_agreed_before_a_reload_is_not_kept_after_it),
        cmocka_unit_test(test_files_that_cannot_be_used_are_named),
        cmocka_unit_test(test_workers_find_what_was_prepared),
        cmocka_unit_test(test_a_client_certificate_is_shown),
        cmocka_unit_test(test_a_refused_client_certificate_shows_when_reading),
        cmocka_unit_test(test_workers_call_while_files_change),
    };

    return cmocka_run_group_tests_name("https endpoints", tests, begin, end);
}
