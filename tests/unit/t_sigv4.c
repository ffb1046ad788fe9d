/* SigV4: requests that botocore signed are right, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/sigv4.h"

/* 2026-01-02 03:04:05 UTC */
enum { SIGNED_S = 1767323045, FIELDS_MAX = 16, HEADER_MAX = 1024 };

#define NR(list) (sizeof(list) / sizeof((list)[0]))

#define AUTHORIZATION(service, names, signature)                                                   \
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/" service                          \
    "/aws4_request, SignedHeaders=" names ", Signature=" signature

#define SIGNATURE_A "a330dd575e84e2137a5f01531a0b3b4f0b6bda95a835822dde8d14fa7aa064d4"
#define SIGNATURE_E "8c43e0d2843926b2df1a7829924353ae992cb8d92d6eda8410a2133368d5c844"

struct example {
    const char *method, *path, *query, *service, *body;
    const char *fields[FIELDS_MAX][2];
};

static const struct example example_a = {
    "POST",
    "/2015-03-31/functions/"
    "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3Alive/invocations",
    "",
    "lambda",
    "{\"k\":1}",
    {{"Host", "127.0.0.1:4777"},
     {"X-Amz-Date", "20260102T030405Z"},
     {"Authorization", AUTHORIZATION("lambda", "host;x-amz-date", SIGNATURE_A)}}};

static const struct example example_b = {
    "POST",
    "/2015-03-31/functions/hello/invocations",
    "Qualifier=%24LATEST",
    "lambda",
    "",
    {{"Host", "127.0.0.1:4777"},
     {"X-Amz-Invocation-Type", "Event"},
     {"X-Amz-Date", "20260102T030405Z"},
     {"X-Amz-Security-Token", "TOKEN/+="},
     {"Authorization",
      AUTHORIZATION("lambda", "host;x-amz-date;x-amz-invocation-type;x-amz-security-token",
                    "31a27cf45b28eb386cf317025dea533d7e18bb7cbfe811b779159c60b645f210")}}};

static const struct example example_c = {
    "POST",
    "/",
    "",
    "states",
    "{}",
    {{"Host", "127.0.0.1:4777"},
     {"X-Amz-Target", "AWSStepFunctions.ListStateMachines"},
     {"Content-Type", "application/x-amz-json-1.0"},
     {"X-Amz-Date", "20260102T030405Z"},
     {"Authorization",
      AUTHORIZATION("states", "content-type;host;x-amz-date;x-amz-target",
                    "6c8c1ba2a9a9f96b8ca7296f488c04d0119d06a9d2316c738ddffc3ed131d54e")}}};

static const struct example example_d = {
    "GET",
    "/2015-03-31/functions/hello/aliases",
    "MaxItems=1&Marker=a%20b%2B",
    "lambda",
    "",
    {{"Host", "127.0.0.1:4777"},
     {"X-Amz-Date", "20260102T030405Z"},
     {"Authorization",
      AUTHORIZATION("lambda", "host;x-amz-date",
                    "70a29c9356cbfb5c280812d33ba3f4889c94e2584e32e5423bea83d34cf328f1")}}};

#define PRESIGNED                                                                                  \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%"        \
    "2Flambda%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=300&X-Amz-SignedHeaders="   \
    "host&X-Amz-Signature="

static const struct example example_e = {"POST",
                                         "/2015-03-31/functions/hello/invocations",
                                         PRESIGNED SIGNATURE_E,
                                         "lambda",
                                         "",
                                         {{"Host", "127.0.0.1:4777"}}};

static const struct example example_f = {
    "POST",
    "/2015-03-31/functions/hello:live/invocations",
    "",
    "lambda",
    "{}",
    {{"Host", "127.0.0.1:4777"},
     {"X-Amz-Date", "20260102T030405Z"},
     {"Authorization",
      AUTHORIZATION("lambda", "host;x-amz-date",
                    "11003821fa88571d6e5eb56d8d122bebe31d079c91585dc8f30a98e73fa74898")}}};

/* ---- Credentials ---- */

static const char document[] =
    "{\"keys\": [{\"access_key_id\": \"AKIDEXAMPLE\", \"secret_access_key\": "
    "\"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\", \"allow\": [\"invoke\"], \"functions\": "
    "[\"*\"]}]}";

static const char document_with_token[] =
    "{\"keys\": [{\"access_key_id\": \"AKIDEXAMPLE\", \"secret_access_key\": "
    "\"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\", \"session_token\": \"TOKEN/+=\", \"allow\": "
    "[\"invoke\"], \"functions\": [\"*\"]}]}";

static struct credentials *credentials, *credentials_with_token;

static int setup(void **state)
{
    struct problems problems = {0};

    (void)state;
    credentials = credentials_parse(document, strlen(document), "k.json", &problems);
    credentials_with_token =
        credentials_parse(document_with_token, strlen(document_with_token), "k.json", &problems);
    return credentials && credentials_with_token ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    credentials_free(&credentials);
    credentials_free(&credentials_with_token);
    return 0;
}

/* ---- Asking ---- */

/* What the next requests differ in from an example. */
static struct {
    uint64_t now_s;
    const char *region;
    const struct credentials *credentials;
} world;

static void reset(void)
{
    world.now_s = SIGNED_S;
    world.region = "us-east-1";
    world.credentials = credentials;
}

static bool verify(const struct example *e, struct sigv4_refusal *refusal)
{
    struct sigv4_field fields[FIELDS_MAX];
    struct sigv4_request request = {
        .method = str_of(e->method),
        .path = str_of(e->path),
        .query = str_of(e->query),
        .fields = fields,
        .region = world.region,
        .service = e->service,
        .now_s = world.now_s,
    };

    for (; request.nr_fields < FIELDS_MAX && e->fields[request.nr_fields][0]; request.nr_fields++)
        fields[request.nr_fields] = (struct sigv4_field){str_of(e->fields[request.nr_fields][0]),
                                                         str_of(e->fields[request.nr_fields][1])};
    memset(refusal, 0, sizeof(*refusal));
    return sigv4_verify(&request, str_of(e->body), world.credentials, refusal) != NULL;
}

static void expect_good(const struct example *e)
{
    struct sigv4_refusal refusal;

    if (!verify(e, &refusal))
        fail_msg("%s %s is refused: %s: %s", e->path, e->query, refusal.type, refusal.message);
}

static void expect_bad(const struct example *e, const char *type, const char *message)
{
    struct sigv4_refusal refusal;

    assert_false(verify(e, &refusal));
    assert_string_equal(refusal.type, type);
    if (message)
        assert_string_equal(refusal.message, message);
}

static void expect_mismatch(const struct example *e)
{
    expect_bad(e, "InvalidSignatureException",
               "The request signature we calculated does not match the signature you provided. "
               "Check your AWS Secret Access Key and signing method. Consult the service "
               "documentation for details.");
}

/* The example with another value of a field; NULL takes the field out. */
static struct example with(const struct example *e, const char *name, const char *value)
{
    struct example changed = *e;
    int to = 0;

    for (int i = 0; i < FIELDS_MAX && e->fields[i][0]; i++) {
        bool is_it = strcmp(e->fields[i][0], name) == 0;
        if (is_it && !value)
            continue;
        changed.fields[to][0] = e->fields[i][0];
        changed.fields[to++][1] = is_it ? value : e->fields[i][1];
    }
    for (; to < FIELDS_MAX; to++)
        changed.fields[to][0] = NULL;
    return changed;
}

static struct example with_more(const struct example *e, const char *name, const char *value)
{
    struct example changed = *e;
    int at = 0;

    while (changed.fields[at][0])
        at++;
    changed.fields[at][0] = name;
    changed.fields[at][1] = value;
    return changed;
}

/* ---- Tests ---- */

static void what_botocore_signs_is_right(void **state)
{
    (void)state;
    reset();
    expect_good(&example_a);
    expect_good(&example_c);
    expect_good(&example_d);
    expect_good(&example_e);
    expect_good(&example_f);
    world.credentials = credentials_with_token;
    expect_good(&example_b);
}

static void each_changed_byte_of_a_signature_is_noticed(void **state)
{
    char text[HEADER_MAX];
    size_t start;

    (void)state;
    reset();
    snprintf(text, sizeof(text), "%s", example_a.fields[2][1]);
    start = strlen(text) - 64;
    for (size_t i = start; i < start + 64; i++) {
        char was = text[i];
        for (const char *p = "0123456789abcdefABCDEF g"; *p; p++) {
            struct example changed = with(&example_a, "Authorization", text);
            text[i] = *p;
            if (*p == was)
                expect_good(&changed);
            else if (*p != ' ' || i + 1 < start + 64)
                expect_mismatch(&changed);
        }
        text[i] = was;
    }
    text[start + 63] = '\0';
    struct example shorter = with(&example_a, "Authorization", text);
    expect_mismatch(&shorter);
}

static void each_changed_part_of_a_request_is_noticed(void **state)
{
    struct example changed = example_a;

    (void)state;
    reset();
    changed.method = "PUT";
    expect_mismatch(&changed);
    changed = example_a;
    changed.body = "{\"k\":2}";
    expect_mismatch(&changed);
    changed.body = "{\"k\":1} ";
    expect_mismatch(&changed);
    changed.body = "";
    expect_mismatch(&changed);
    changed = example_a;
    changed.path = "/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:hello:live"
                   "/invocations"; /* decoded: not what was signed */
    expect_mismatch(&changed);
    changed = example_a;
    changed.query = "Qualifier=1";
    expect_mismatch(&changed);
    changed = with(&example_a, "Host", "127.0.0.1:4778");
    expect_mismatch(&changed);
    changed = with(&example_a, "X-Amz-Date", "20260102T030406Z");
    expect_mismatch(&changed);
    changed = with(&example_b, "X-Amz-Invocation-Type", "DryRun");
    world.credentials = credentials_with_token;
    expect_mismatch(&changed);
}

static void a_body_that_comes_with_a_presigned_url_is_refused(void **state)
{
    struct example changed = example_e;

    (void)state;
    reset();
    changed.body = "{}";
    expect_mismatch(&changed);
}

static void spellings_that_mean_the_same_are_one(void **state)
{
    struct example changed = example_a;

    (void)state;
    reset();
    changed.path = "/2015-03-31//functions/./x/../"
                   "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3Alive//"
                   "invocations";
    expect_good(&changed);
    changed.path = "/../2015-03-31/functions/"
                   "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3Alive/"
                   "invocations";
    expect_good(&changed);
    changed.path = "/2015-03-31/functions/"
                   "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3Alive/"
                   "invocations/";
    expect_mismatch(&changed);
    changed = example_d;
    changed.query = "Marker=a%20b%2b&MaxItems=1";
    expect_good(&changed);
    changed.query = "Marker=a%20b%2B&Max%49tems=1";
    expect_good(&changed);
    changed.query = "Marker=a+b%2B&MaxItems=1"; /* a plus sign is one */
    expect_mismatch(&changed);
    changed = with(&example_c, "X-Amz-Target", "\t AWSStepFunctions.ListStateMachines  ");
    expect_good(&changed);
    changed = with(&example_c, "X-Amz-Target", "AWSStepFunctions. ListStateMachines");
    expect_mismatch(&changed);
    changed = with_more(&example_a, "X-Unsigned", "1");
    expect_good(&changed);
    changed = with(&example_a, "Authorization",
                   "AWS4-HMAC-SHA256 Signature=" SIGNATURE_A ",SignedHeaders=host;x-amz-date,"
                   "Credential=AKIDEXAMPLE/20260102/us-east-1/lambda/aws4_request");
    expect_good(&changed);
    changed = with(&example_a, "X-Amz-Date", "Fri, 02 Jan 2026 03:04:05 GMT");
    expect_mismatch(&changed); /* the header is signed as it stands */
}

/* Signed by a few lines of Python that follow the specification: two X-A, blanks inside, names without values, one name twice. */
static const struct example awkward = {
    "GET",
    "/a b//%2F~/",
    "b=&a&c=2&c=10&c&A=%7E%20",
    "lambda",
    "",
    {{"Host", "weir.example"},
     {"X-A", "one"},
     {"X-Amz-Date", "20260102T030405Z"},
     {"x-a", " two   three "},
     {"Authorization",
      AUTHORIZATION("lambda", "host;x-a;x-amz-date",
                    "ecf053923d717993f21d04451442e0607379d77cc4963cfa11afb1607ce83850")}}};

static void headers_and_parameters_that_come_twice_or_empty_are_signed_as_they_are(void **state)
{
    struct example changed = awkward;

    (void)state;
    reset();
    expect_good(&awkward);
    changed.query = "c&A=~%20&c=10&a=&c=2&b";
    expect_good(&changed);
    changed.query = "b=&a&c=2&c=10&A=%7E%20";
    expect_mismatch(&changed);
    changed = awkward;
    changed.fields[1][1] = " two   three ";
    changed.fields[3][1] = "one";
    expect_mismatch(&changed);
    changed = with(&awkward, "x-a", NULL);
    expect_mismatch(&changed);
    changed = with(&changed, "X-A", "one,two three");
    expect_good(&changed);
}

static void the_time_decides(void **state)
{
    (void)state;
    reset();
    world.now_s = SIGNED_S + 300;
    expect_good(&example_a);
    world.now_s = SIGNED_S - 300;
    expect_good(&example_a);
    expect_good(&example_e);
    world.now_s = SIGNED_S + 301;
    expect_bad(&example_a, "InvalidSignatureException",
               "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z "
               "(20260102T030906Z - 5 min.)");
    expect_bad(&example_e, "InvalidSignatureException",
               "Signature expired: 20260102T030905Z is now earlier than 20260102T030906Z");
    world.now_s = SIGNED_S - 301;
    expect_bad(&example_a, "InvalidSignatureException",
               "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z "
               "(20260102T025904Z + 5 min.)");
    expect_bad(&example_e, "InvalidSignatureException",
               "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z "
               "(20260102T025904Z + 5 min.)");
}

static void the_scope_must_be_right(void **state)
{
    struct example changed = example_a;

    (void)state;
    reset();
    world.region = "eu-west-1";
    expect_bad(&example_a, "InvalidSignatureException",
               "Credential should be scoped to a valid region, not 'us-east-1'");
    reset();
    changed.service = "states";
    expect_bad(&changed, "InvalidSignatureException",
               "Credential should be scoped to correct service: 'states'");
    changed = with(&example_a, "X-Amz-Date", "20260103T030405Z");
    expect_bad(&changed, "InvalidSignatureException",
               "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
               "from HTTP");
    changed = with(&example_a, "Authorization",
                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/lambda/aws5_request,"
                   " SignedHeaders=host;x-amz-date, Signature=" SIGNATURE_A);
    expect_bad(&changed, "InvalidSignatureException",
               "Credential should be scoped with a valid terminator: 'aws4_request', not "
               "'aws5_request'");
}

static void keys_and_session_tokens_must_be_known(void **state)
{
    static const char invalid[] = "The security token included in the request is invalid.";
    struct example changed;

    (void)state;
    reset();
    expect_bad(&example_b, "UnrecognizedClientException", invalid); /* the key has no token */
    world.credentials = credentials_with_token;
    expect_bad(&example_a, "UnrecognizedClientException", invalid); /* the request has none */
    changed = with(&example_b, "X-Amz-Security-Token", "TOKEN/+=x");
    expect_bad(&changed, "UnrecognizedClientException", invalid);
    world.credentials = NULL;
    expect_bad(&example_a, "UnrecognizedClientException", invalid);
    reset();
    changed = with(&example_a, "Authorization",
                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLF/20260102/us-east-1/lambda/aws4_request,"
                   " SignedHeaders=host;x-amz-date, Signature=" SIGNATURE_A);
    expect_bad(&changed, "UnrecognizedClientException", invalid);
}

static void what_is_missing_is_named(void **state)
{
    static const struct {
        const char *authorization, *type, *message;
    } cases[] = {
        {NULL, "MissingAuthenticationTokenException", "Missing Authentication Token"},
        {"Basic dTpw", "IncompleteSignatureException",
         "Authorization header requires 'Credential' parameter. Authorization header requires "
         "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
        {"AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/lambda/aws4_request, SignedHeaders=host",
         "IncompleteSignatureException", "Authorization header requires 'Signature' parameter."},
        {"AWS4-HMAC-SHA256 Signature=a, SignedHeaders=host", "IncompleteSignatureException",
         "Authorization header requires 'Credential' parameter."},
        {"AWS4-HMAC-SHA256 Credential=A/b, Signature=a, SignedHeaders=host",
         "IncompleteSignatureException",
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got 'A/b'"},
        {"AWS4-ECDSA-P256-SHA256 Credential=A/b, Signature=a, SignedHeaders=host",
         "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
        {AUTHORIZATION("lambda", "x-amz-date", SIGNATURE_A), "InvalidSignatureException",
         "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
    };
    struct example changed;

    (void)state;
    reset();
    for (size_t i = 0; i < NR(cases); i++) {
        changed = with(&example_a, "Authorization", cases[i].authorization);
        expect_bad(&changed, cases[i].type, cases[i].message);
    }
    changed = with(&example_a, "X-Amz-Date", NULL);
    expect_bad(&changed, "IncompleteSignatureException",
               "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
               "header.");
    changed = with(&example_a, "X-Amz-Date", "2026-01-02");
    expect_bad(&changed, "IncompleteSignatureException",
               "Date must be in ISO-8601 'basic format'. Got '2026-01-02'. See "
               "http://en.wikipedia.org/wiki/ISO_8601");
    changed = with_more(&example_a, "authorization", example_a.fields[2][1]);
    expect_bad(&changed, "IncompleteSignatureException", NULL);
    changed = with_more(&example_a, "x-amz-date", "20260102T030405Z");
    expect_bad(&changed, "IncompleteSignatureException", NULL);
    changed = with(&example_a, "Authorization",
                   AUTHORIZATION("lambda", "host;x-amz-date;x-none", SIGNATURE_A));
    expect_mismatch(&changed);
}

static void presigned_urls_need_all_their_parts(void **state)
{
    static const char *const parts[] = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
                                        "X-Amz-Expires", "X-Amz-SignedHeaders"};
    struct example changed = example_e;
    char query[HEADER_MAX], message[HEADER_MAX];

    (void)state;
    reset();
    for (size_t i = 0; i < NR(parts); i++) {
        snprintf(query, sizeof(query), "%s", example_e.query);
        strstr(query, parts[i])[6] = '_'; /* another name */
        changed.query = query;
        snprintf(message, sizeof(message), "AWS query-string parameters must include '%s'.",
                 parts[i]);
        expect_bad(&changed, "IncompleteSignatureException", message);
    }
    changed.query = PRESIGNED SIGNATURE_E "&X-Amz-Signature=" SIGNATURE_E;
    expect_bad(&changed, "IncompleteSignatureException", NULL);
    snprintf(query, sizeof(query), "%s", example_e.query);
    memcpy(strstr(query, "Expires=300"), "Expires=900", 11);
    changed.query = query;
    expect_mismatch(&changed);
    memcpy(strstr(query, "Expires=900"), "Expires=000", 11);
    expect_bad(&changed, "IncompleteSignatureException",
               "X-Amz-Expires must be a number of seconds from 1 to 604800, not '000'");
}

static void payloads_that_are_not_signed_are_refused(void **state)
{
    static const char *const values[] = {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                         "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "e3b0"};
    struct example changed;

    (void)state;
    reset();
    for (size_t i = 0; i < NR(values); i++) {
        changed = with_more(&example_a, "X-Amz-Content-Sha256", values[i]);
        expect_bad(&changed, "InvalidSignatureException", NULL);
    }
    /* The right hash of another body: the canonical request is right, the body is not. */
    changed = with_more(&example_a, "X-Amz-Content-Sha256",
                        "a615eeaee21de5179de080de8c3052c8da901138406ba71c38c032845f7d54f4");
    changed.body = "{\"k\":2}";
    expect_mismatch(&changed);
}

static void a_body_may_come_in_pieces(void **state)
{
    struct sigv4_field fields[3];
    struct sigv4_request request = {.method = STR("POST"),
                                    .path = str_of(example_a.path),
                                    .query = STR(""),
                                    .fields = fields,
                                    .nr_fields = 3,
                                    .region = "us-east-1",
                                    .service = "lambda",
                                    .now_s = SIGNED_S};
    struct sigv4_refusal refusal;
    const struct credentials_key *key;
    struct sigv4 *s;

    (void)state;
    for (int i = 0; i < 3; i++)
        fields[i] =
            (struct sigv4_field){str_of(example_a.fields[i][0]), str_of(example_a.fields[i][1])};
    s = sigv4_begin(&request, credentials, &refusal);
    assert_non_null(s);
    memset(fields, 0, sizeof(fields)); /* nothing of the head is needed any more */
    for (const char *p = example_a.body; *p; p++)
        sigv4_body(s, (struct str){p, 1});
    key = sigv4_end(&s, &refusal);
    assert_null(s);
    assert_ptr_equal(key, credentials_find(credentials, STR("AKIDEXAMPLE")));
    s = sigv4_begin(&request, credentials, &refusal);
    assert_null(s);
    sigv4_free(&s);
}

static void refusals_are_printable(void **state)
{
    struct sigv4_refusal refusal;
    char long_text[1000];

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    long_text[999] = '\0';
    sigv4_refuse(&refusal, "T", "%s", "a\r\nb\x01\xc3\xa9");
    assert_string_equal(refusal.message, "a??b???");
    sigv4_refuse(&refusal, "T", "%s", long_text);
    assert_int_equal(strlen(refusal.message), sizeof(refusal.message) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_botocore_signs_is_right),
        cmocka_unit_test(each_changed_byte_of_a_signature_is_noticed),
        cmocka_unit_test(each_changed_part_of_a_request_is_noticed),
        cmocka_unit_test(a_body_that_comes_with_a_presigned_url_is_refused),
        cmocka_unit_test(spellings_that_mean_the_same_are_one),
        cmocka_unit_test(headers_and_parameters_that_come_twice_or_empty_are_signed_as_they_are),
        cmocka_unit_test(the_time_decides),
        cmocka_unit_test(the_scope_must_be_right),
        cmocka_unit_test(keys_and_session_tokens_must_be_known),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(presigned_urls_need_all_their_parts),
        cmocka_unit_test(payloads_that_are_not_signed_are_refused),
        cmocka_unit_test(a_body_may_come_in_pieces),
        cmocka_unit_test(refusals_are_printable),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
