/* CORS of function URLs. */
#include "proxy/payload/payload_cors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct str any[] = {STR("*")};
static const struct str origins[] = {STR("https://a.test"), STR("https://*.b.test"),
                                     STR("http://localhost:8080")};
static const struct str methods[] = {STR("GET"), STR("POST")};
static const struct str headers[] = {STR("content-type"), STR("x-a")};

#define LIST(items)                                                                                \
    {                                                                                              \
        (items), sizeof(items) / sizeof((items)[0])                                                \
    }

static const struct payload_cors page = {STR("https://a.test"), STR("PUT"), STR("x-b, x-c")};

typedef void (*write_fn)(struct buffer *, const struct cors *, const struct payload_cors *);

static void expect(write_fn write, const struct cors *cors, const struct payload_cors *asked,
                   const char *lines)
{
    struct buffer out = {0};

    write(&out, cors, asked);
    if (out.n != strlen(lines) || (out.n > 0 && memcmp(out.p, lines, out.n) != 0))
        fail_msg("%.*s", (int)out.n, out.p);
    buffer_fini(&out);
}

#define ORIGIN      "Access-Control-Allow-Origin: "
#define CREDENTIALS "Access-Control-Allow-Credentials: true\r\n"
#define VARY        "Vary: Origin\r\n"

static void a_preflight_is_an_options_that_says_what_it_is_for(void **state)
{
    const struct payload_cors no_origin = {STR(""), STR("GET"), STR("")};
    const struct payload_cors no_method = {STR("https://a.test"), STR(""), STR("")};

    (void)state;
    assert_true(payload_cors_is_preflight(STR("OPTIONS"), &page));
    assert_false(payload_cors_is_preflight(STR("GET"), &page));
    assert_false(payload_cors_is_preflight(STR("OPTIONS"), &no_origin));
    assert_false(payload_cors_is_preflight(STR("OPTIONS"), &no_method));
}

static void anyone_may_where_all_is_open(void **state)
{
    const struct cors cors = {.allow_origins = LIST(any),
                              .allow_methods = LIST(any),
                              .allow_headers = LIST(any),
                              .expose_headers = LIST(any),
                              .has_max_age = true,
                              .max_age_s = 60};
    const struct payload_cors nobody = {STR(""), STR(""), STR("")};

    (void)state;
    expect(payload_cors_preflight, &cors, &page,
           ORIGIN "*\r\nAccess-Control-Allow-Methods: *\r\nAccess-Control-Allow-Headers: *\r\n"
                  "Access-Control-Max-Age: 60\r\n");
    expect(payload_cors_response, &cors, &page, ORIGIN "*\r\nAccess-Control-Expose-Headers: *\r\n");
    expect(payload_cors_response, &cors, &nobody, "");
}

static void lists_are_said_as_they_are(void **state)
{
    const struct cors cors = {.allow_origins = LIST(origins),
                              .allow_methods = LIST(methods),
                              .allow_headers = LIST(headers),
                              .expose_headers = LIST(headers)};

    (void)state;
    expect(payload_cors_preflight, &cors, &page,
           VARY ORIGIN "https://a.test\r\nAccess-Control-Allow-Methods: GET,POST\r\n"
                       "Access-Control-Allow-Headers: content-type,x-a\r\n");
    expect(payload_cors_response, &cors, &page,
           VARY ORIGIN "https://a.test\r\nAccess-Control-Expose-Headers: content-type,x-a\r\n");
}

/* A browser takes no '*' where it sends credentials. */
static void credentials_make_a_star_what_was_asked_for(void **state)
{
    const struct cors cors = {.allow_origins = LIST(any),
                              .allow_methods = LIST(any),
                              .allow_headers = LIST(any),
                              .expose_headers = LIST(any),
                              .allow_credentials = true};

    (void)state;
    expect(payload_cors_preflight, &cors, &page,
           VARY ORIGIN "https://a.test\r\n" CREDENTIALS "Access-Control-Allow-Methods: PUT\r\n"
                       "Access-Control-Allow-Headers: x-b, x-c\r\n");
    expect(payload_cors_response, &cors, &page, VARY ORIGIN "https://a.test\r\n" CREDENTIALS);
}

static bool is_allowed(const char *origin)
{
    const struct cors cors = {.allow_origins = LIST(origins)};
    const struct payload_cors asked = {str_of(origin), STR(""), STR("")};
    struct buffer out = {0};
    bool is = false;

    payload_cors_response(&out, &cors, &asked);
    buffer_char(&out, '\0');
    is = strstr(out.p, ORIGIN) != NULL;
    assert_non_null(strstr(out.p, VARY)); /* whatever the answer is */
    buffer_fini(&out);
    return is;
}

static void an_origin_is_one_of_the_list_or_fits_a_pattern(void **state)
{
    (void)state;
    assert_true(is_allowed("https://a.test"));
    assert_true(is_allowed("HTTPS://A.test"));
    assert_true(is_allowed("https://x.b.test"));
    assert_true(is_allowed("https://x.y.b.test"));
    assert_true(is_allowed("http://localhost:8080"));
    assert_false(is_allowed("http://a.test"));
    assert_false(is_allowed("https://a.test.evil.test"));
    assert_false(is_allowed("https://b.test"));
    assert_false(is_allowed("https://xb.test"));
    assert_false(is_allowed("http://localhost"));
    assert_false(is_allowed("null"));
}

static void a_star_at_the_end_takes_any_rest_and_never_overlaps(void **state)
{
    const struct str items[] = {STR("https://*"), STR("ab*ba")};
    const struct cors cors = {.allow_origins = LIST(items)};
    const struct payload_cors good = {STR("https://x:1"), STR(""), STR("")};
    const struct payload_cors bad = {STR("aba"), STR(""), STR("")};

    (void)state;
    expect(payload_cors_response, &cors, &good, VARY ORIGIN "https://x:1\r\n");
    expect(payload_cors_response, &cors, &bad, VARY);
}

static void nothing_is_allowed_where_nothing_is_said(void **state)
{
    const struct cors cors = {.has_max_age = true};

    (void)state;
    expect(payload_cors_preflight, &cors, &page, VARY);
    expect(payload_cors_response, &cors, &page, VARY);
}

static void the_functions_own_fields_are_known(void **state)
{
    (void)state;
    assert_true(payload_cors_is_own(STR("Access-Control-Allow-Origin")));
    assert_true(payload_cors_is_own(STR("access-control-max-age")));
    assert_false(payload_cors_is_own(STR("access-control")));
    assert_false(payload_cors_is_own(STR("origin")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preflight_is_an_options_that_says_what_it_is_for),
        cmocka_unit_test(anyone_may_where_all_is_open),
        cmocka_unit_test(lists_are_said_as_they_are),
        cmocka_unit_test(credentials_make_a_star_what_was_asked_for),
        cmocka_unit_test(an_origin_is_one_of_the_list_or_fits_a_pattern),
        cmocka_unit_test(a_star_at_the_end_takes_any_rest_and_never_overlaps),
        cmocka_unit_test(nothing_is_allowed_where_nothing_is_said),
        cmocka_unit_test(the_functions_own_fields_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
