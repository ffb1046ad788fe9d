/* Who may use the admin listener. Signatures are t_sigv4's; stock clients sign in
 * tests/system/test_access.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/credentials.h"
#include "control/access.h"

static const char keys[] =
    "{\"keys\": [{\"access_key_id\": \"A\", \"secret_access_key\": \"s\", \"allow\": [\"read\"], "
    "\"functions\": [\"*\"]}]}";

/* The next request. */
static struct {
    struct settings *settings;
    const char *method, *path, *host, *origin, *content_type, *authorization, *target;
    bool has_certificate;
} world;

static void ask_for(const char *method, const char *path)
{
    world.method = method;
    world.path = path;
    world.host = "127.0.0.1";
    world.origin = world.authorization = world.target = NULL;
    world.content_type = strcmp(method, "PUT") == 0 ? "application/json" : NULL;
    world.has_certificate = false;
}

static struct str optional(const char *text)
{
    return text ? str_of(text) : (struct str){NULL, 0};
}

/* 0: it is served; else the status, with part in the body. */
static void expect(int status, const char *type, const char *part)
{
    struct sigv4_field fields[2];
    struct api_request request = {
        .method = str_of(world.method),
        .path = str_of(world.path),
        .query = STR(""),
        .host = str_of(world.host),
        .origin = optional(world.origin),
        .content_type = optional(world.content_type),
        .target = optional(world.target),
        .fields = fields,
        .has_certificate = world.has_certificate,
        .body = STR(""),
    };
    struct api_response response = {.status = 0};

    if (world.authorization)
        fields[request.nr_fields++] =
            (struct sigv4_field){STR("Authorization"), str_of(world.authorization)};
    if (world.target)
        fields[request.nr_fields++] =
            (struct sigv4_field){STR("X-Amz-Target"), str_of(world.target)};
    assert_int_equal(access_refuse(world.settings, &request, &response), status != 0);
    assert_int_equal(response.status, status);
    if (status) {
        assert_string_equal(response.error_type, type);
        if (!strstr(response.body, part))
            fail_msg("%s has no %s", response.body, part);
    }
    free(response.body);
}

static int setup(void **state)
{
    (void)state;
    world.settings = settings_parse(NULL, 0, NULL, NULL);
    return world.settings ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    settings_unref(&world.settings);
    return 0;
}

static void use_token(const char *token)
{
    world.settings->secrets.admin_token = strdup(token);
}

static void use_keys(void)
{
    struct problems problems = {0};

    world.settings->secrets.credentials =
        credentials_parse(keys, strlen(keys), "k.json", &problems);
    assert_non_null(world.settings->secrets.credentials);
}

static void nothing_is_asked_for_where_nothing_is_set(void **state)
{
    (void)state;
    assert_false(access_is_guarded(world.settings));
    ask_for("GET", "/table");
    expect(0, NULL, NULL);
    world.authorization = "Bearer anything";
    expect(0, NULL, NULL);
    ask_for("PUT", "/functions/f/aliases/a");
    expect(0, NULL, NULL);
}

static void a_token_opens_everything(void **state)
{
    static const char *const goods[] = {"Bearer s3cret", "bearer s3cret", "BEARER   s3cret"};
    static const char *const bads[] = {"Bearer s3cret ", "Bearer s3cre",  "Bearer s3crett",
                                       "Bearer S3cret",  "Bearers3cret",  "Bearer ",
                                       "Bearer",         "Bearer xs3cret"};

    (void)state;
    use_token("s3cret");
    assert_true(access_is_guarded(world.settings));
    ask_for("PUT", "/functions/f/aliases/a");
    expect(403, "MissingAuthenticationTokenException",
           "{\"message\":\"Missing Authentication Token\"}");
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        world.authorization = goods[i];
        expect(0, NULL, NULL);
    }
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        world.authorization = bads[i];
        expect(403, "UnrecognizedClientException", "is invalid.");
    }
    world.authorization = "Basic czNjcmV0";
    expect(403, "IncompleteSignatureException", "requires 'Credential'");
}

static void probes_are_open(void **state)
{
    (void)state;
    use_token("s3cret");
    use_keys();
    ask_for("GET", "/healthz");
    expect(0, NULL, NULL);
    ask_for("HEAD", "/readyz");
    expect(0, NULL, NULL);
    ask_for("POST", "/readyz");
    expect(403, "MissingAuthenticationTokenException", "Missing");
    ask_for("GET", "/healthz/x");
    expect(403, "MissingAuthenticationTokenException", "Missing");
    ask_for("GET", "/healthz");
    world.host = "evil.example"; /* of a page, by a name of its own */
    expect(403, "AccessDeniedException", "admin.hosts");
}

static void services_with_one_address_name_the_error_in_the_body(void **state)
{
    (void)state;
    use_keys();
    ask_for("POST", "/");
    world.target = "AWSStepFunctions.ListStateMachines";
    expect(400, "MissingAuthenticationTokenException",
           "{\"__type\":\"MissingAuthenticationTokenException\",\"message\":\"Missing "
           "Authentication Token\"}");
}

static void a_certificate_opens_everything_but_not_to_web_pages(void **state)
{
    (void)state;
    use_keys();
    ask_for("PUT", "/functions/f/aliases/a");
    world.has_certificate = true;
    expect(0, NULL, NULL);
    world.origin = "https://evil.example";
    expect(403, "AccessDeniedException", "Origin");
    ask_for("GET", "/table");
    world.has_certificate = true;
    world.host = "evil.example";
    expect(403, "AccessDeniedException", "admin.hosts");
}

static void the_page_of_the_listener_itself_may_change_things(void **state)
{
    (void)state;
    ask_for("PUT", "/functions/f/aliases/a");
    world.host = "127.0.0.1:9901";
    world.origin = "http://127.0.0.1:9901";
    expect(0, NULL, NULL);
    world.origin = "http://127.0.0.1:9902";
    expect(403, "AccessDeniedException", "Origin");
    world.host = "evil.example";
    world.origin = "http://evil.example";
    expect(403, "AccessDeniedException", "admin.hosts");
}

static void the_files_of_the_page_are_open_where_the_data_is_not(void **state)
{
    (void)state;
    use_token("s3cret");
    ask_for("GET", "/page.js");
    world.host = "weir.default.svc:9901";
    expect(0, NULL, NULL);
    ask_for("HEAD", "/");
    expect(0, NULL, NULL);
    ask_for("GET", "/metrics");
    expect(403, "MissingAuthenticationTokenException", "Missing");
    ask_for("POST", "/");
    expect(403, "MissingAuthenticationTokenException", "Missing");
}

static void who_brings_the_token_is_no_web_page(void **state)
{
    (void)state;
    use_token("s3cret");
    ask_for("PUT", "/functions/f/aliases/a");
    world.authorization = "Bearer s3cret";
    world.host = "weir.default.svc:9901";
    world.content_type = "text/plain";
    expect(0, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_asked_for_where_nothing_is_set, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_opens_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(probes_are_open, setup, teardown),
        cmocka_unit_test_setup_teardown(services_with_one_address_name_the_error_in_the_body, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_certificate_opens_everything_but_not_to_web_pages, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_page_of_the_listener_itself_may_change_things, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_files_of_the_page_are_open_where_the_data_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_brings_the_token_is_no_web_page, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
