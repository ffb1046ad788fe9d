/* Which bodies are text. */
#include "proxy/payload/payload_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void text_json_xml_and_javascript_are_text(void **state)
{
    static const char *const text[] = {
        "text/plain",
        "TEXT/HTML; charset=utf-8",
        "application/json",
        "application/json ;charset=x",
        "application/problem+json",
        "image/svg+xml",
        "application/xml",
        "application/javascript",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        assert_true(payload_type_is_text(str_of(text[i])));
}

static void everything_else_is_not(void **state)
{
    static const char *const binary[] = {
        "",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "image/png",
        "text",
        "application/jsonx",
        "json",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
        assert_false(payload_type_is_text(str_of(binary[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_json_xml_and_javascript_are_text),
        cmocka_unit_test(everything_else_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
