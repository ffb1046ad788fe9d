/* What weir signs is what weir verifies, and what AWS's own client makes of the same request. */
#include "control/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/sigv4.h"

enum { NOW = 1767323045 }; /* 2026-01-02T03:04:05Z */

static const char keys_text[] =
    "{\"keys\": [{\"access_key_id\": \"AKIDEXAMPLE\", \"secret_access_key\": "
    "\"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\", \"allow\": [\"write\"], \"functions\": "
    "[\"*\"]}, {\"access_key_id\": \"AKIDBRIEF\", \"secret_access_key\": \"s\", \"session_token\": "
    "\"TOKEN/+=\", \"allow\": [\"write\"], \"functions\": [\"*\"]}]}";

static const struct signer_request request = {.method = "PUT",
                                              .path = "/table",
                                              .host = "127.0.0.1:9901",
                                              .body = {"{\"k\":1}", 7},
                                              .now_s = NOW};

/* The fields of a head. */
static int cut(const char *text, struct sigv4_field *out)
{
    int nr = 0;

    for (const char *end; (end = strstr(text, "\r\n")); text = end + 2) {
        const char *colon = strchr(text, ':');

        assert_true(colon && colon < end);
        out[nr].name = (struct str){text, (size_t)(colon - text)};
        out[nr++].value = (struct str){colon + 2, (size_t)(end - colon - 2)};
    }
    assert_string_equal(text, "");
    return nr;
}

static const char *verify(const char *region, const struct signer_key *key, struct str body)
{
    static struct sigv4_refusal refusal;
    struct problems problems = {0};
    struct credentials *credentials =
        credentials_parse(keys_text, strlen(keys_text), "k.json", &problems);
    char *text = signer_fields(key, &request);
    struct sigv4_field fields[8] = {{STR("Host"), STR("127.0.0.1:9901")}};
    struct sigv4_request head = {.method = STR("PUT"),
                                 .path = STR("/table"),
                                 .query = STR(""),
                                 .fields = fields,
                                 .region = region,
                                 .service = "lambda",
                                 .now_s = NOW + 60};
    const char *type = "";

    assert_non_null(credentials);
    assert_non_null(text);
    head.nr_fields = 1 + cut(text, fields + 1);
    if (!sigv4_verify(&head, body, credentials, &refusal))
        type = refusal.type;
    free(text);
    credentials_free(&credentials);
    return type;
}

static const struct signer_key lasting = {.access_key_id = "AKIDEXAMPLE",
                                          .secret_access_key =
                                              "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                          .region = "us-east-1"};

static void what_is_signed_is_verified(void **state)
{
    const struct signer_key brief = {.access_key_id = "AKIDBRIEF",
                                     .secret_access_key = "s",
                                     .session_token = "TOKEN/+=",
                                     .region = "eu-west-1"};
    struct signer_key wrong = lasting;

    (void)state;
    assert_string_equal(verify("us-east-1", &lasting, request.body), "");
    assert_string_equal(verify("eu-west-1", &brief, request.body), "");
    assert_string_equal(verify("us-east-1", &brief, request.body), "InvalidSignatureException");
    assert_string_equal(verify("us-east-1", &lasting, STR("{}")), "InvalidSignatureException");
    wrong.secret_access_key = "x";
    assert_string_equal(verify("us-east-1", &wrong, request.body), "InvalidSignatureException");
    wrong.access_key_id = "AKIDOTHER";
    assert_string_equal(verify("us-east-1", &wrong, request.body), "UnrecognizedClientException");
}

/* Made by botocore 1.29 for the same request. */
static void the_signature_is_that_of_aws(void **state)
{
    char *text = signer_fields(&lasting, &request);

    (void)state;
    assert_non_null(text);
    assert_non_null(strstr(text, "X-Amz-Date: 20260102T030405Z\r\n"));
    assert_non_null(strstr(text,
                           "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
                           "ac7d2308f0d61269205e3613d7a805f97a55579b96eec63dab314870a4adb2ea\r\n"));
    free(text);
}

static void what_is_too_long_is_not_signed(void **state)
{
    char text[400] = "";
    struct signer_key key = lasting;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    key.secret_access_key = text;
    assert_null(signer_fields(&key, &request));
    key = lasting;
    key.region = text;
    assert_null(signer_fields(&key, &request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_verified),
        cmocka_unit_test(the_signature_is_that_of_aws),
        cmocka_unit_test(what_is_too_long_is_not_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
