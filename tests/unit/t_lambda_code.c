/* Code.ImageUri: kinds and endpoints, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/lambda_code.h"

static const struct {
    const char *uri, *version; /* the version without configuration, in one line */
} goods[] = {
    {"http://h:1", "{\"endpoints\": [\"http://h:1\"]}"},
    {"https://fn.example.com/base", "{\"endpoints\": [\"https://fn.example.com/base\"]}"},
    {"127.0.0.1:9001", "{\"endpoints\": [\"http://127.0.0.1:9001\"]}"},
    {"[::1]:9001/a/b", "{\"endpoints\": [\"http://[::1]:9001/a/b\"]}"},
    {"localhost:9001/base", "{\"endpoints\": [\"http://localhost:9001/base\"]}"},
    {"http://h:1,http://h:2", "{\"endpoints\": [\"http://h:1\", \"http://h:2\"]}"},
    {"h:1,https://h:2", "{\"endpoints\": [\"http://h:1\", \"https://h:2\"]}"},
    {"http+srv://_web._tcp.example.org", "{\"endpoints\": [\"http+srv://_web._tcp.example.org\"]}"},
    {"rie+http://h:9000", "{\"endpoints\": [\"http://h:9000\"], \"kind\": \"rie\"}"},
    {"rie+h:9000", "{\"endpoints\": [\"http://h:9000\"], \"kind\": \"rie\"}"},
    {"lambda+https://h", "{\"endpoints\": [\"https://h\"], \"kind\": \"lambda\"}"},
    {"lambda+http://h:1,lambda+http://h:2",
     "{\"endpoints\": [\"http://h:1\", \"http://h:2\"], \"kind\": \"lambda\"}"},
};

static void places_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        json_t *version = json_pack("{s:s}", "kind", "rie"); /* of before */
        char *text;
        bool is_out;

        assert_null(lambda_code_read(goods[i].uri, version, &is_out));
        assert_false(is_out);
        text = json_dumps(version, JSON_SORT_KEYS);
        assert_string_equal(text, goods[i].version);
        free(text);
        json_decref(version);
    }
}

static void other_places_are_explained(void **state)
{
    static const struct {
        const char *uri, *part;
    } bads[] = {
        {"", "names no endpoint"},
        {"hello", "names no endpoint"},
        {"123456789012.dkr.ecr.us-east-1.amazonaws.com/hello:latest", "rie+http://127.0.0.1:9000"},
        {"ftp://h:1", "names no endpoint"},
        {"rie+", "names no endpoint"},
        {"http://h:1,", "names no endpoint"},
        {"http://h:1,rie+http://h:2", "several kinds"},
        {"http://h:1,h:1", "twice"},
        {"http://h:99999", "names no endpoint"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        json_t *version = json_object();
        bool is_out;
        const char *wrong = lambda_code_read(bads[i].uri, version, &is_out);

        if (!wrong || !strstr(wrong, bads[i].part))
            fail_msg("%s: %s", bads[i].uri, wrong ? wrong : "accepted");
        assert_int_equal(json_object_size(version), 0);
        json_decref(version);
    }
}

static void many_endpoints_fit(void **state)
{
    char uri[4096] = "";
    json_t *version = json_object();
    size_t n = 0;
    bool is_out;

    (void)state;
    for (int i = 1; i <= 65; i++) {
        n += (size_t)snprintf(uri + n, sizeof(uri) - n, "%sh:%d", i > 1 ? "," : "", i);
        if (i == 64)
            assert_null(lambda_code_read(uri, version, &is_out));
    }
    assert_non_null(strstr(lambda_code_read(uri, version, &is_out), "64"));
    json_decref(version);
}

static void expect_written(const char *version, const char *uri)
{
    json_t *json = json_loads(version, 0, NULL);
    char *text = lambda_code_write(json);

    assert_string_equal(text, uri);
    free(text);
    json_decref(json);
}

static void versions_say_where_they_are(void **state)
{
    (void)state;
    expect_written("{\"endpoints\": [\"http://h:1\"]}", "http://h:1");
    expect_written("{\"endpoints\": [\"http://h:1\", \"https://h:2/a\"], \"kind\": \"http\"}",
                   "http://h:1,https://h:2/a");
    expect_written("{\"endpoints\": [\"http://h:1\", \"http://h:2\"], \"kind\": \"rie\"}",
                   "rie+http://h:1,rie+http://h:2");
    /* As it was given, while that is true. */
    expect_written("{\"endpoints\": [\"http://h:1\"], \"configuration\": {\"ImageUri\": \"h:1\"}}",
                   "h:1");
    expect_written("{\"endpoints\": [\"http://h:2\"], \"configuration\": {\"ImageUri\": \"h:1\"}}",
                   "http://h:2");
    expect_written("{\"endpoints\": [\"http://h:1\"], \"kind\": \"rie\", \"configuration\": "
                   "{\"ImageUri\": \"h:1\"}}",
                   "rie+http://h:1");
}

static void the_digest_is_of_the_text(void **state)
{
    char sha256[LAMBDA_CODE_SHA256];

    (void)state;
    assert_true(lambda_code_sha256("", sha256));
    assert_string_equal(sha256, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_true(lambda_code_sha256("abc", sha256)); /* FIPS 180-4's example */
    assert_string_equal(sha256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_understood),     cmocka_unit_test(other_places_are_explained),
        cmocka_unit_test(many_endpoints_fit),        cmocka_unit_test(versions_say_where_they_are),
        cmocka_unit_test(the_digest_is_of_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
