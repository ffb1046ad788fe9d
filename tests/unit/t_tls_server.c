/* Listeners that terminate TLS: which files are refused, how that is said, what clients get. */
#include "proxy/tls/tls_tickets.h"
#include "tls_lab.h"
#include "tls_pair.h"

static struct lab_cert authority, other_authority, first, second_ec, second_rsa, wild, client,
    stranger;

static int begin(void **state)
{
    if (lab_begin(state) < 0)
        return -1;
    authority = lab_authority("ca");
    other_authority = lab_authority("other-ca");
    first =
        lab_make("first", &(struct lab_wish){.names = "DNS:first.example", .issuer = &authority});
    second_ec = lab_make("second-ec",
                         &(struct lab_wish){.names = "DNS:second.example", .issuer = &authority});
    second_rsa = lab_make(
        "second-rsa",
        &(struct lab_wish){.kind = "RSA", .names = "DNS:second.example", .issuer = &authority});
    wild =
        lab_make("wild", &(struct lab_wish){.names = "DNS:*.wild.example", .issuer = &authority});
    client = lab_make("client", &(struct lab_wish){.common_name = "alice",
                                                   .organization = "Weir, Inc.",
                                                   .usage = "clientAuth",
                                                   .issuer = &authority});
    stranger = lab_make("stranger",
                        &(struct lab_wish){.common_name = "mallory", .issuer = &other_authority});
    return 0;
}

static int end(void **state)
{
    struct lab_cert *all[] = {&authority, &other_authority, &first,   &second_ec, &second_rsa,
                              &wild,      &client,          &stranger};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        lab_free(all[i]);
    return lab_end(state);
}

/* ---- Documents that are wrong --------------------------------------------------------------- */

static const struct problem *find_problem(const struct problems *problems, const char *path)
{
    for (size_t i = 0; i < problems->nr; i++)
        if (strcmp(problems->list[i].path, path) == 0)
            return &problems->list[i];
    return NULL;
}

static void expect_problem(const struct problems *problems, const char *path, const char *words)
{
    const struct problem *problem = find_problem(problems, path);

    if (!problem)
        fail_msg("nothing is said of %s", path);
    else if (!strstr(problem->message, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", path, problem->message, words);
}

/* One listener with these files must be refused, with these words at this path. */
static void expect_refusal(const char *certificate, const char *key, const char *path,
                           const char *words)
{
    const struct lab_cert *certs[] = {&first};
    struct plan plan;

    plan_init(&plan, certs, 1);
    plan.certificates[0] = (struct certificate_settings){(char *)certificate, (char *)key};
    assert_null(tls_server_make(&plan.settings, NULL, &plan.problems));
    assert_int_equal(problems_count(&plan.problems), 1);
    expect_problem(&plan.problems, path, words);
    problems_fini(&plan.problems);
}

static void test_files_that_cannot_be_used_are_refused(void **state)
{
    char text[LAB_PATH], broken[LAB_PATH], cut[LAB_PATH], secret[LAB_PATH], old_secret[LAB_PATH];
    struct lab_cert weak =
        lab_make("weak", &(struct lab_wish){.kind = "RSA1024", .names = "DNS:weak.example"});
    BIO *out;
    FILE *f;

    (void)state;
    lab_path(text, "text");
    lab_write(text, "no certificate\n");
    lab_path(broken, "broken");
    lab_write(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    lab_path(secret, "secret");
    f = fopen(secret, "w");
    assert_int_equal(
        PEM_write_PrivateKey(f, first.key, EVP_aes_128_cbc(), (unsigned char *)"x", 1, NULL, NULL),
        1);
    fclose(f);

    lab_path(old_secret, "old-secret");
    out = BIO_new_file(old_secret, "w");
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(out, second_rsa.key, EVP_aes_128_cbc(),
                                                          (unsigned char *)"x", 1, NULL, NULL),
                     1);
    BIO_free(out);
    lab_path(cut, "cut");
    lab_write(cut, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");

    expect_refusal("/none/there", first.key_file, "$.listeners[0].tls.certificate",
                   "/none/there: there is no such file");
    expect_refusal(first.file, "/none/there", "$.listeners[0].tls.key",
                   "/none/there: there is no such file");
    expect_refusal(lab_folder, first.key_file, "$.listeners[0].tls.certificate", "is a folder");
    expect_refusal(text, first.key_file, "$.listeners[0].tls.certificate",
                   "has no certificate in it");
    expect_refusal(first.file, text, "$.listeners[0].tls.key", "has no private key in it");
    expect_refusal(first.key_file, first.key_file, "$.listeners[0].tls.certificate",
                   "has no certificate in it");
    expect_refusal(broken, first.key_file, "$.listeners[0].tls.certificate",
                   "has a certificate that cannot be read");
    expect_refusal(first.file, secret, "$.listeners[0].tls.key", "is encrypted");
    expect_refusal(second_rsa.file, old_secret, "$.listeners[0].tls.key", "is encrypted");
    expect_refusal(first.file, cut, "$.listeners[0].tls.key",
                   "has a private key that cannot be read");
    expect_refusal(first.file, second_ec.key_file, "$.listeners[0].tls.key",
                   "is not the key of this certificate");
    expect_refusal(first.file, second_rsa.key_file, "$.listeners[0].tls.key",
                   "is not the key of this certificate");
    expect_refusal(weak.file, weak.key_file, "$.listeners[0].tls.certificate", "key too small");
    lab_free(&weak);
}

static void test_everything_that_is_wrong_is_said_at_once(void **state)
{
    const struct lab_cert *certs[] = {&first, &second_ec, &second_rsa, &wild};
    struct plan plan;
    struct listener_settings listeners[3];

    (void)state;
    plan_init(&plan, certs, 4);
    plan.certificates[0].key = (char *)"/none/key";
    plan.certificates[1].certificate = (char *)"/none/certificate";
    plan.certificates[3].key = first.key_file;
    plan.listener.client_ca = (char *)"/none/ca";
    listeners[0] = (struct listener_settings){.is_tls = false};
    listeners[1] = plan.listener;
    listeners[2] = plan.listener;
    plan.settings.listeners = listeners;
    plan.settings.nr_listeners = 3;
    assert_null(tls_server_make(&plan.settings, NULL, &plan.problems));
    assert_int_equal(problems_count(&plan.problems), 8);
    for (int i = 1; i <= 2; i++) {
        static const char *const what[][2] = {
            {"key", "/none/key: there is no such file"},
            {"certificates[0].certificate", "/none/certificate: there is no such file"},
            {"certificates[2].key", "is not the key of this certificate"},
            {"client_ca", "/none/ca: there is no such file"}};
        for (int k = 0; k < 4; k++) {
            char path[100];
            snprintf(path, sizeof(path), "$.listeners[%d].tls.%s", i, what[k][0]);
            expect_problem(&plan.problems, path, what[k][1]);
        }
    }
    problems_fini(&plan.problems);
}

static void test_a_certificate_and_its_key_may_be_one_file(void **state)
{
    const struct lab_cert *certs[] = {&first};
    char both[LAB_PATH];
    struct tls_server *server;
    struct plan plan;
    FILE *f;

    (void)state;
    lab_path(both, "both");
    f = fopen(both, "w");
    PEM_write_PrivateKey(f, first.key, NULL, NULL, 0, NULL, NULL);
    PEM_write_X509(f, first.x);
    PEM_write_X509(f, authority.x);
    fclose(f);
    plan_init(&plan, certs, 1);
    plan.certificates[0] = (struct certificate_settings){both, both};
    server = plan_make(&plan, NULL);
    tls_server_unref(&server);
}

static void test_an_expired_certificate_is_taken(void **state)
{
    struct lab_cert old =
        lab_make("old", &(struct lab_wish){.names = "DNS:old.example", .is_expired = true});
    const struct lab_cert *certs[] = {&old};
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 1);
    server = plan_make(&plan, NULL);
    assert_non_null(server);
    tls_server_unref(&server);
    lab_free(&old);
}

static void test_without_tls_there_is_nothing_to_do(void **state)
{
    struct listener_settings plain = {.is_tls = false};
    struct settings settings = {
        .listeners = &plain, .nr_listeners = 1, .tls.ticket_rotation_s = 60};
    struct problems problems = {0};
    struct tls_server *server = tls_server_make(&settings, NULL, &problems);

    (void)state;
    assert_non_null(server);
    tls_server_rotate(server, clock_ms() + 1000000000);
    tls_server_unref(&server);
}

static void test_what_has_not_changed_is_not_read_again(void **state)
{
    struct lab_cert cert = lab_make("kept", &(struct lab_wish){.names = "DNS:kept.example"});
    const struct lab_cert *certs[] = {&cert, &first};
    struct tls_server *server, *next;
    struct plan plan, same;

    (void)state;
    lab_age(cert.file);
    lab_age(cert.key_file);
    plan_init(&plan, certs, 1);
    plan_init(&same, certs, 1);
    server = plan_make(&plan, NULL);
    next = plan_make(&same, server);
    assert_ptr_equal(next, server);
    tls_server_unref(&next);
    for (int i = 0; i < 4; i++) { /* each differs in one thing */
        plan_init(&same, certs, i == 0 ? 2 : 1);
        same.listener.min_version = (char *)(i == 1 ? "1.3" : "1.2");
        same.settings.tls.ticket_rotation_s = i == 2 ? 60 : 3600;
        same.listener.client_ca = i == 3 ? cert.file : NULL;
        next = plan_make(&same, server);
        assert_ptr_not_equal(next, server);
        tls_server_unref(&next);
    }
    lab_write_pair(&cert); /* the same bytes, but who knows */
    next = plan_make(&plan, server);
    assert_ptr_not_equal(next, server);
    tls_server_unref(&next);
    assert_int_equal(unlink(cert.file), 0);
    assert_null(tls_server_make(&plan.settings, server, &plan.problems));
    problems_fini(&plan.problems);
    tls_server_unref(&server);
    lab_free(&cert);
}

/* ---- What a client gets --------------------------------------------------------------------- */

/* What a client asks for, and the session it resumes. */
struct request {
    int version;
    const char *host, *sigalgs, *ciphers;
    const unsigned char *alpn;
    unsigned int alpn_length;
    const struct lab_cert *cert;
    SSL_SESSION *session;
};

/* What came of it. */
struct outcome {
    int client_reason, server_failure; /* 0: through */
    char server_reason[512];
    char subject[256];
    X509 *certificate; /* the server's */
    char alpn[32];
    bool is_resumed;
    SSL_SESSION *session; /* to be resumed later */
    int version;
};

static struct outcome try(struct tls_server *server, const struct request *request)
{
    struct outcome outcome = {0};
    struct pair pair;
    struct raw raw;
    const unsigned char *alpn;
    unsigned int n;
    char byte;
    int error;

    pair_open_raw(&pair, server, 0, 0);
    raw_open(&raw, &pair, request->version);
    if (request->host)
        SSL_set_tlsext_host_name(raw.ssl, request->host);
    if (request->sigalgs)
        assert_int_equal(SSL_set1_sigalgs_list(raw.ssl, request->sigalgs), 1);
    if (request->ciphers)
        assert_int_equal(SSL_set_cipher_list(raw.ssl, request->ciphers), 1);
    if (request->alpn)
        SSL_set_alpn_protos(raw.ssl, request->alpn, request->alpn_length);
    if (request->cert) {
        SSL_use_certificate(raw.ssl, request->cert->x);
        SSL_use_PrivateKey(raw.ssl, request->cert->key);
    }
    if (request->session)
        assert_int_equal(SSL_set_session(raw.ssl, request->session), 1);
    outcome.client_reason = raw_shake_hands(&raw, &pair);
    pair_settle(&pair);
    outcome.server_failure = pair.server.failure;
    snprintf(outcome.server_reason, sizeof(outcome.server_reason), "%s", pair.server.reason);
    if (!outcome.client_reason && !outcome.server_failure) {
        tls_peer_subject(&pair.server.io, outcome.subject, sizeof(outcome.subject));
        end_add(&pair.server, 1);
        assert_int_equal(raw_read(&raw, &pair, &byte, 1, &error),
                         1); /* with the tickets before it */
        outcome.session = SSL_get1_session(raw.ssl);
    } else if (!outcome.client_reason && raw_read(&raw, &pair, &byte, 1, &error) == 0) {
        outcome.client_reason = ERR_GET_REASON(ERR_peek_last_error());
    }
    outcome.certificate = SSL_get1_peer_certificate(raw.ssl);
    outcome.is_resumed = SSL_session_reused(raw.ssl);
    outcome.version = SSL_version(raw.ssl);
    SSL_get0_alpn_selected(raw.ssl, &alpn, &n);
    snprintf(outcome.alpn, sizeof(outcome.alpn), "%.*s", (int)n, alpn ? (const char *)alpn : "");
    SSL_set_shutdown(raw.ssl,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* the session stays good */
    raw_close(&raw);
    pair_close(&pair);
    return outcome;
}

static void outcome_fini(struct outcome *outcome)
{
    X509_free(outcome->certificate);
    SSL_SESSION_free(outcome->session);
}

static void expect_certificate(struct tls_server *server, const char *host, const char *sigalgs,
                               const struct lab_cert *cert)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (int v = 0; v < 2; v++) {
        struct outcome outcome = try(
            server, &(struct request){.version = versions[v], .host = host, .sigalgs = sigalgs});
        assert_int_equal(outcome.client_reason, 0);
        if (X509_cmp(outcome.certificate, cert->x) != 0)
            fail_msg("%s gets another certificate than %s", host ? host : "nobody", cert->file);
        outcome_fini(&outcome);
    }
}

static void test_the_name_chooses_the_certificate(void **state)
{
    const struct lab_cert *certs[] = {&first, &second_ec, &second_rsa, &wild};
    static const char any[] = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256",
                      rsa[] = "RSA-PSS+SHA256:RSA+SHA256", ec[] = "ECDSA+SHA256";
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 4);
    server = plan_make(&plan, NULL);
    expect_certificate(server, NULL, NULL, &first);
    expect_certificate(server, "nobody.example", NULL, &first);
    expect_certificate(server, "first.example", NULL, &first);
    expect_certificate(server, "x.wild.example", NULL, &wild);
    expect_certificate(server, "X.Wild.Example", NULL, &wild);
    expect_certificate(server, "second.example", any, &second_ec);
    expect_certificate(server, "second.example", ec, &second_ec);
    expect_certificate(server, "second.example", rsa, &second_rsa);
    tls_server_unref(&server);
}

static void test_a_client_that_can_use_no_certificate_is_refused(void **state)
{
    const struct lab_cert *certs[] = {&first};
    struct outcome outcome;
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 1);
    server = plan_make(&plan, NULL);
    outcome =
        try(server, &(struct request){.version = TLS1_3_VERSION, .sigalgs = "RSA-PSS+SHA256"});
    assert_int_equal(outcome.server_failure, -EPROTO);
    assert_non_null(strstr(outcome.server_reason, "no signature algorithm"));
    outcome_fini(&outcome);
    outcome = try(server, &(struct request){.version = TLS1_2_VERSION,
                                            .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"});
    assert_int_equal(outcome.server_failure, -EPROTO);
    assert_non_null(strstr(outcome.server_reason, "no cipher"));
    outcome_fini(&outcome);
    tls_server_unref(&server);
}

static void test_old_ciphers_and_versions_are_refused(void **state)
{
    const struct lab_cert *certs[] = {&second_rsa};
    static const char *const old[] = {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA",
                                      "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"};
    struct outcome outcome;
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 1);
    server = plan_make(&plan, NULL);
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        outcome = try(server, &(struct request){.version = TLS1_2_VERSION, .ciphers = old[i]});
        assert_int_equal(outcome.server_failure, -EPROTO);
        assert_int_equal(outcome.client_reason, SSL_AD_REASON_OFFSET + SSL_AD_HANDSHAKE_FAILURE);
        outcome_fini(&outcome);
    }
    outcome =
        try(server, &(struct request){.version = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"});
    assert_int_equal(outcome.server_failure, -EPROTO);
    assert_non_null(strstr(outcome.server_reason, "no version of TLS"));
    outcome_fini(&outcome);
    tls_server_unref(&server);
}

static void test_the_oldest_version_is_a_setting(void **state)
{
    const struct lab_cert *certs[] = {&first};
    struct outcome outcome;
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 1);
    plan.listener.min_version = (char *)"1.3";
    server = plan_make(&plan, NULL);
    outcome = try(server, &(struct request){.version = TLS1_2_VERSION});
    assert_int_equal(outcome.client_reason, SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION);
    assert_int_equal(outcome.server_failure, -EPROTO);
    outcome_fini(&outcome);
    outcome = try(server, &(struct request){.version = TLS1_3_VERSION});
    assert_int_equal(outcome.client_reason, 0);
    assert_int_equal(outcome.version, TLS1_3_VERSION);
    outcome_fini(&outcome);
    tls_server_unref(&server);
}

static void test_http_1_1_is_the_only_application_protocol(void **state)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", other[] = "\x02h2\x08http/1.0",
                               longer[] = "\x09http/1.1x";
    const struct lab_cert *certs[] = {&first, &wild};
    struct outcome outcome;
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 2);
    server = plan_make(&plan, NULL);
    outcome = try(server, &(struct request){.alpn = both, .alpn_length = sizeof(both) - 1});
    assert_string_equal(outcome.alpn, "http/1.1");
    outcome_fini(&outcome);
    outcome = try(
        server,
        &(struct request){.host = "a.wild.example", .alpn = both, .alpn_length = sizeof(both) - 1});
    assert_string_equal(outcome.alpn, "http/1.1");
    outcome_fini(&outcome);
    outcome = try(server, &(struct request){0});
    assert_int_equal(outcome.client_reason, 0);
    assert_string_equal(outcome.alpn, "");
    outcome_fini(&outcome);
    outcome = try(server, &(struct request){.alpn = other, .alpn_length = sizeof(other) - 1});
    assert_int_equal(outcome.client_reason, SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
    assert_non_null(strstr(outcome.server_reason, "ALPN"));
    outcome_fini(&outcome);
    outcome = try(server, &(struct request){.alpn = longer, .alpn_length = sizeof(longer) - 1});
    assert_int_equal(outcome.client_reason, SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
    outcome_fini(&outcome);
    tls_server_unref(&server);
}

/* ---- Sessions ------------------------------------------------------------------------------- */

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static SSL_SESSION *new_session(struct tls_server *server, int version, const char *host,
                                const struct lab_cert *cert)
{
    struct outcome outcome =
        try(server, &(struct request){.version = version, .host = host, .cert = cert});
    SSL_SESSION *session = outcome.session;

    assert_int_equal(outcome.client_reason, 0);
    assert_false(outcome.is_resumed);
    assert_non_null(session);
    assert_true(SSL_SESSION_is_resumable(session));
    outcome.session = NULL;
    outcome_fini(&outcome);
    return session;
}

static bool is_resumed(struct tls_server *server, int version, const char *host,
                       SSL_SESSION *session, const struct lab_cert *cert)
{
    /* OpenSSL marks a session as it uses it. */
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    struct outcome outcome = try(
        server, &(struct request){.version = version, .host = host, .session = copy, .cert = cert});
    bool result = outcome.is_resumed && outcome.client_reason == 0 && outcome.server_failure == 0;

    SSL_SESSION_free(copy);
    outcome_fini(&outcome);
    return result;
}

static void test_sessions_are_resumed_until_their_key_is_too_old(void **state)
{
    const struct lab_cert *certs[] = {&first, &wild};
    static const char *const hosts[] = {NULL, "a.wild.example"};
    uint64_t now = clock_ms();
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 2);
    server = plan_make(&plan, NULL);
    for (int v = 0; v < 2; v++)
        for (int h = 0; h < 2; h++) {
            SSL_SESSION *session = new_session(server, versions[v], hosts[h], NULL);
            assert_true(is_resumed(server, versions[v], hosts[h], session, NULL));
            for (int age = 1; age < TLS_TICKETS_ACCEPTED; age++) {
                now += 3600 * 1000 + 1000;
                tls_server_rotate(server, now);
                assert_true(is_resumed(server, versions[v], hosts[h], session, NULL));
            }
            now += 3600 * 1000 + 1000;
            tls_server_rotate(server, now);
            assert_false(is_resumed(server, versions[v], hosts[h], session, NULL));
            SSL_SESSION_free(session);
        }
    tls_server_unref(&server);
}

static void test_a_resumed_session_gets_a_new_ticket(void **state)
{
    const struct lab_cert *certs[] = {&first};
    uint64_t now = clock_ms();
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 1);
    server = plan_make(&plan, NULL);
    for (int v = 0; v < 2; v++) {
        SSL_SESSION *session = new_session(server, versions[v], NULL, NULL);
        for (int i = 0; i < 6; i++) {
            struct outcome outcome;
            now += 3600 * 1000 + 1000;
            tls_server_rotate(server, now);
            outcome = try(server, &(struct request){.version = versions[v], .session = session});
            assert_true(outcome.is_resumed);
            SSL_SESSION_free(session);
            session = outcome.session;
            outcome.session = NULL;
            outcome_fini(&outcome);
        }
        SSL_SESSION_free(session);
    }
    tls_server_unref(&server);
}

static void test_sessions_outlive_a_reload_but_not_the_process(void **state)
{
    const struct lab_cert *certs[] = {&first};
    struct tls_server *server, *reloaded, *restarted;
    struct plan plan;

    (void)state;
    plan_init(&plan, certs, 1);
    server = plan_make(&plan, NULL);
    restarted = plan_make(&plan, NULL);
    for (int v = 0; v < 2; v++) {
        SSL_SESSION *session = new_session(server, versions[v], NULL, NULL);
        reloaded = plan_make(&plan, server);
        assert_true(is_resumed(reloaded, versions[v], NULL, session, NULL));
        assert_false(is_resumed(restarted, versions[v], NULL, session, NULL));
        SSL_SESSION_free(session);
        tls_server_unref(&reloaded);
    }
    tls_server_unref(&server);
    tls_server_unref(&restarted);
}

/* ---- Client certificates -------------------------------------------------------------------- */

static void plan_for_clients(struct plan *plan, bool is_required)
{
    const struct lab_cert *certs[] = {&first};

    plan_init(plan, certs, 1);
    plan->listener.client_ca = authority.file;
    plan->listener.client_required = is_required;
}

static void expect_subject(struct tls_server *server, const struct lab_cert *cert,
                           const char *subject)
{
    for (int v = 0; v < 2; v++) {
        struct outcome outcome =
            try(server, &(struct request){.version = versions[v], .cert = cert});
        assert_int_equal(outcome.client_reason, 0);
        assert_int_equal(outcome.server_failure, 0);
        assert_string_equal(outcome.subject, subject);
        outcome_fini(&outcome);
    }
}

static void expect_refused_client(struct tls_server *server, const struct lab_cert *cert,
                                  const char *words)
{
    for (int v = 0; v < 2; v++) {
        struct outcome outcome =
            try(server, &(struct request){.version = versions[v], .cert = cert});
        assert_int_equal(outcome.server_failure, -EPROTO);
        assert_int_not_equal(outcome.client_reason, 0);
        if (!strstr(outcome.server_reason, words))
            fail_msg("\"%s\" does not say \"%s\"", outcome.server_reason, words);
        outcome_fini(&outcome);
    }
}

static void test_client_certificates_are_verified(void **state)
{
    struct lab_cert expired = lab_make(
        "expired-client",
        &(struct lab_wish){.common_name = "old", .issuer = &authority, .is_expired = true});
    struct lab_cert no_client = lab_make(
        "no-client",
        &(struct lab_wish){.common_name = "server", .usage = "serverAuth", .issuer = &authority});
    struct tls_server *optional, *required;
    struct plan plan;

    (void)state;
    plan_for_clients(&plan, false);
    optional = plan_make(&plan, NULL);
    plan_for_clients(&plan, true);
    required = plan_make(&plan, NULL);
    expect_subject(optional, NULL, "");
    expect_subject(optional, &client, "CN=alice,O=Weir\\, Inc.");
    expect_subject(required, &client, "CN=alice,O=Weir\\, Inc.");
    expect_refused_client(required, NULL, "sent no certificate");
    expect_refused_client(optional, &stranger, "is not trusted");
    expect_refused_client(required, &stranger, "is not trusted");
    expect_refused_client(required, &expired, "certificate has expired");
    expect_refused_client(required, &no_client, "is not trusted");
    tls_server_unref(&optional);
    tls_server_unref(&required);
    lab_free(&expired);
    lab_free(&no_client);
}

static void test_a_subject_is_printable_and_whole_or_empty(void **state)
{
    char name[65];
    struct lab_cert odd =
        lab_make("odd", &(struct lab_wish){.common_name = "b\xc3\xb6se\r\nx-admin: yes\x7f",
                                           .issuer = &authority});
    struct lab_cert lengthy;
    struct tls_server *server;
    struct plan plan;

    (void)state;
    /* 64 characters, as X.520 allows, of which each becomes six or more. */
    for (int i = 0; i < 62; i += 2)
        memcpy(name + i, "\xc3\xb6", 2);
    name[62] = '\0';
    lengthy = lab_make(
        "lengthy",
        &(struct lab_wish){.common_name = name, .organization = name, .issuer = &authority});
    plan_for_clients(&plan, true);
    server = plan_make(&plan, NULL);
    expect_subject(server, &odd, "CN=b\\C3\\B6se\\0D\\0Ax-admin: yes\\7F");
    expect_subject(server, &lengthy, "");
    tls_server_unref(&server);
    lab_free(&odd);
    lab_free(&lengthy);
}

static void test_a_resumed_session_keeps_its_client(void **state)
{
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_for_clients(&plan, true);
    server = plan_make(&plan, NULL);
    for (int v = 0; v < 2; v++) {
        SSL_SESSION *session = new_session(server, versions[v], NULL, &client);
        struct outcome outcome =
            try(server, &(struct request){.version = versions[v], .session = session});
        assert_true(outcome.is_resumed);
        assert_string_equal(outcome.subject, "CN=alice,O=Weir\\, Inc.");
        outcome_fini(&outcome);
        SSL_SESSION_free(session);
    }
    tls_server_unref(&server);
}

/* Who is trusted may have changed with a reload; sessions from before are not let in by it. */
static void test_sessions_end_when_other_clients_are_trusted(void **state)
{
    struct tls_server *server, *reloaded;
    struct plan plan, changed;

    (void)state;
    plan_for_clients(&plan, false);
    server = plan_make(&plan, NULL);
    for (int v = 0; v < 2; v++) {
        SSL_SESSION *session = new_session(server, versions[v], NULL, &client);
        reloaded = plan_make(&plan, server);
        assert_true(is_resumed(reloaded, versions[v], NULL, session, NULL));
        tls_server_unref(&reloaded);
        changed = plan;
        changed.settings.listeners = &changed.listener;
        changed.listener.client_ca = other_authority.file;
        reloaded = plan_make(&changed, server);
        assert_false(is_resumed(reloaded, versions[v], NULL, session, NULL));
        tls_server_unref(&reloaded);
        changed.listener.client_ca = authority.file;
        changed.listener.client_required = true;
        reloaded = plan_make(&changed, server);
        assert_false(is_resumed(reloaded, versions[v], NULL, session, NULL));
        tls_server_unref(&reloaded);
        SSL_SESSION_free(session);
    }
    tls_server_unref(&server);
}

/* A certificate for so many seconds. */
static struct lab_cert brief_client(int seconds)
{
    struct lab_cert cert =
        lab_make("brief", &(struct lab_wish){.common_name = "brief", .issuer = &authority});

    X509_gmtime_adj(X509_getm_notAfter(cert.x), seconds);
    assert_true(X509_sign(cert.x, authority.key, EVP_sha256()) > 0);
    return cert;
}

static void test_sessions_end_with_the_clients_certificate(void **state)
{
    struct tls_server *server;
    struct plan plan;

    (void)state;
    plan_for_clients(&plan, true);
    server = plan_make(&plan, NULL);
    for (int v = 0; v < 2; v++) {
        SSL_SESSION *session = NULL;
        struct lab_cert brief = {0};
        /* On a slow machine the certificate must live longer to be accepted at all. */
        for (int seconds = 2; !session && seconds <= 16; seconds *= 2) {
            struct outcome outcome;
            lab_free(&brief);
            brief = brief_client(seconds);
            outcome = try(server, &(struct request){.version = versions[v], .cert = &brief});
            session = outcome.session;
            outcome.session = NULL;
            outcome_fini(&outcome);
        }
        assert_non_null(session);
        while (X509_cmp_current_time(X509_get0_notAfter(brief.x)) > 0)
            usleep(50000);
        assert_false(is_resumed(server, versions[v], NULL, session, NULL));
        lab_free(&brief);
        SSL_SESSION_free(session);
    }
    tls_server_unref(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_that_cannot_be_used_are_refused),
        cmocka_unit_test(test_everything_that_is_wrong_is_said_at_once),
        cmocka_unit_test(test_a_certificate_and_its_key_may_be_one_file),
        cmocka_unit_test(test_an_expired_certificate_is_taken),
        cmocka_unit_test(test_without_tls_there_is_nothing_to_do),
        cmocka_unit_test(test_what_has_not_changed_is_not_read_again),
        cmocka_unit_test(test_the_name_chooses_the_certificate),
        cmocka_unit_test(test_a_client_that_can_use_no_certificate_is_refused),
        cmocka_unit_test(test_old_ciphers_and_versions_are_refused),
        cmocka_unit_test(test_the_oldest_version_is_a_setting),
        cmocka_unit_test(test_http_1_1_is_the_only_application_protocol),
        cmocka_unit_test(test_sessions_are_resumed_until_their_key_is_too_old),
        cmocka_unit_test(test_a_resumed_session_gets_a_new_ticket),
        cmocka_unit_test(test_sessions_outlive_a_reload_but_not_the_process),
        cmocka_unit_test(test_client_certificates_are_verified),
        cmocka_unit_test(test_a_subject_is_printable_and_whole_or_empty),
        cmocka_unit_test(test_a_resumed_session_keeps_its_client),
        cmocka_unit_test(test_sessions_end_when_other_clients_are_trusted),
        cmocka_unit_test(test_sessions_end_with_the_clients_certificate),
    };

    return cmocka_run_group_tests_name("listeners with TLS", tests, begin, end);
}
