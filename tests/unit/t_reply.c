/* weir's own answers, byte by byte. */
#include "proxy/http/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const DATE = "Date: Sat, 28 Nov 2026 08:36:15 GMT\r\n";
static const char ID[] = "6b54dbf6-8335-4ea5-bc73-95c5c0b59f90";

static char out[REPLY_MAX + 1];
static size_t body_bytes;

static void write_it(const struct reply *reply)
{
    struct reply whole = *reply;

    whole.request_id = ID;
    if (!whole.hsts_line)
        whole.hsts_line = "";
    char *end = reply_write(out, str_of(DATE), &whole, &body_bytes);
    assert_true(end <= out + REPLY_MAX);
    *end = 0;
}

static void an_answer_says_what_is_wrong_and_when(void **state)
{
    (void)state;
    write_it(&(struct reply){
        .status = 503, .type = "ServiceException", .message = "No.", .is_close = true});
    assert_string_equal(out, "HTTP/1.1 503 Service Unavailable\r\n"
                             "Content-Type: application/json\r\n"
                             "x-amzn-ErrorType: ServiceException\r\n"
                             "x-amzn-RequestId: 6b54dbf6-8335-4ea5-bc73-95c5c0b59f90\r\n"
                             "Date: Sat, 28 Nov 2026 08:36:15 GMT\r\n"
                             "Retry-After: 1\r\n"
                             "Connection: close\r\n"
                             "Content-Length: 35\r\n\r\n"
                             "{\"Type\":\"Service\",\"Message\":\"No.\"}\n");
    assert_int_equal(body_bytes, strlen(strchr(out, '{')));
}

static void member_names_follow_the_family_of_the_error(void **state)
{
    static const struct {
        int status;
        const char *type, *json;
    } cases[] = {
        {400, "BadRequestException", "{\"Type\":\"User\",\"message\":\"m\"}\n"},
        {404, "ResourceNotFoundException", "{\"Type\":\"User\",\"Message\":\"m\"}\n"},
        {400, "ValidationException", "{\"message\":\"m\"}\n"},
        {429, "TooManyRequestsException",
         "{\"Reason\":\"ConcurrentInvocationLimitExceeded\",\"Type\":\"User\",\"message\":\"m\"}"
         "\n"},
        {308, NULL, "{\"Type\":\"User\",\"message\":\"m\"}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_it(&(struct reply){.status = cases[i].status, .type = cases[i].type, .message = "m"});
        assert_string_equal(strchr(out, '{'), cases[i].json);
        assert_int_equal(strstr(out, "x-amzn-ErrorType") != NULL, cases[i].type != NULL);
    }
}

static void head_gets_the_length_of_a_body_that_it_does_not_get(void **state)
{
    (void)state;
    write_it(&(struct reply){.status = 404,
                             .type = "ResourceNotFoundException",
                             .message = "m",
                             .is_head = true,
                             .is_http10 = true});
    assert_int_equal(body_bytes, 0);
    assert_non_null(strstr(out, "Content-Length: 30\r\n\r\n"));
    assert_null(strchr(out, '{'));
    assert_non_null(strstr(out, "Connection: keep-alive\r\n"));
}

static void the_longest_and_strangest_message_fits(void **state)
{
    static char message[5000], location[REPLY_LOCATION_MAX + 1];

    (void)state;
    memset(message, '"', sizeof(message) - 1);
    memset(location, 'x', sizeof(location) - 1);
    for (int c = 1; c < 256; c++) {
        memset(message, c, sizeof(message) - 1);
        write_it(&(struct reply){.status = 503,
                                 .type = "ServiceException",
                                 .message = message,
                                 .location = location,
                                 .hsts_line = "Strict-Transport-Security: max-age=4294967295\r\n"});
    }
}

static void control_bytes_and_quotes_are_escaped(void **state)
{
    (void)state;
    write_it(
        &(struct reply){.status = 400, .type = "BadRequestException", .message = "a\"\\\n\x01 b"});
    assert_string_equal(strstr(out, "\"message\":"),
                        "\"message\":\"a\\\"\\\\\\u000a\\u0001 b\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_says_what_is_wrong_and_when),
        cmocka_unit_test(member_names_follow_the_family_of_the_error),
        cmocka_unit_test(head_gets_the_length_of_a_body_that_it_does_not_get),
        cmocka_unit_test(the_longest_and_strangest_message_fits),
        cmocka_unit_test(control_bytes_and_quotes_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
