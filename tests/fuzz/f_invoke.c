/* Invoke addresses. The input is a request target: PATH or PATH?QUERY. What is accepted must be
 * made of the letters that Lambda lets names and qualifiers have, be the same when percent-encoded
 * in full, and be found again in an address written from it. */
#include <string.h>

#include "router/invoke.h"
#include "tests/fuzz/fuzz.h"

#define BEFORE "/2015-03-31/functions/"
#define BEHIND "/invocations"

static bool is_made_of(struct str s, const char *letters)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || !strchr(letters, s.p[i]))
            return false;
    return true;
}

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* Weir's own region and account. */
static const struct arn_home home = {{"us-east-1", 9}, {"000000000000", 12}};

static void check_accepted(const struct invoke_address *address)
{
    FUZZ_CHECK(address->function.n >= 1 && address->function.n <= INVOKE_NAME_MAX);
    FUZZ_CHECK(address->qualifier.n <= INVOKE_QUALIFIER_MAX);
    FUZZ_CHECK(is_made_of(address->function, WORD "."));
    FUZZ_CHECK(is_made_of(address->qualifier, WORD "$."));
}

/* The same address written "name" with the qualifier in the query: it must be understood to the
 * same. */
static void check_plain(const struct invoke_address *address)
{
    char path[INVOKE_NAME_MAX + sizeof(BEFORE BEHIND)], query[INVOKE_QUALIFIER_MAX + 32];
    static struct invoke_address again;
    int n = snprintf(path, sizeof(path), BEFORE "%.*s" BEHIND, STR_ARG(address->function));
    int m = snprintf(query, sizeof(query), "a=b&Qualifier=%.*s", STR_ARG(address->qualifier));
    struct str q = {query, address->qualifier.n > 0 ? (size_t)m : 0};

    FUZZ_CHECK(n > 0 && n < (int)sizeof(path) && m > 0 && m < (int)sizeof(query));
    FUZZ_CHECK(invoke_parse(&again, &home, (struct str){path, (size_t)n}, q) == INVOKE_OK);
    FUZZ_CHECK(str_eq(again.function, address->function));
    FUZZ_CHECK(str_eq(again.qualifier, address->qualifier));
}

/* Every byte of the name as %XX, unless there are encodings already or bytes that end the segment.
 */
static void check_encoded(const struct invoke_address *address, struct str path, struct str query)
{
    struct str name = {path.p + sizeof(BEFORE) - 1, path.n - (sizeof(BEFORE BEHIND) - 1)};
    char *encoded = malloc(3 * name.n + sizeof(BEFORE BEHIND)), *p = encoded;
    static struct invoke_address again;

    FUZZ_CHECK(encoded);
    if (!memchr(name.p, '%', name.n)) {
        p += snprintf(p, sizeof(BEFORE), "%s", BEFORE);
        for (size_t i = 0; i < name.n; i++)
            p += snprintf(p, 4, i % 2 ? "%%%02X" : "%%%02x", (unsigned char)name.p[i]);
        p += snprintf(p, sizeof(BEHIND), "%s", BEHIND);
        FUZZ_CHECK(invoke_parse(&again, &home, (struct str){encoded, (size_t)(p - encoded)},
                                query) == INVOKE_OK);
        FUZZ_CHECK(str_eq(again.function, address->function));
        FUZZ_CHECK(str_eq(again.qualifier, address->qualifier));
    }
    free(encoded);
}

/* In a document's grammar a name is never an alias and a version at once. */
static void check_grammars(struct str s)
{
    FUZZ_CHECK(!(invoke_is_alias_name(s) && invoke_is_version_name(s)));
    FUZZ_CHECK(!invoke_is_function_name(s) || (s.n <= 64 && is_made_of(s, WORD)));
    FUZZ_CHECK(!invoke_is_alias_name(s) || (s.n <= 128 && is_made_of(s, WORD)));
}

int fuzz_invoke(const uint8_t *data, size_t n)
{
    static struct invoke_address address;
    char *text = fuzz_text(data, n);
    const char *question = memchr(text, '?', n);
    struct str path = {text, question ? (size_t)(question - text) : n};
    struct str query = {question ? question + 1 : "", question ? n - path.n - 1 : 0};
    bool is_invoke = path.n >= sizeof(BEFORE BEHIND) - 1 &&
                     memcmp(path.p, BEFORE, sizeof(BEFORE) - 1) == 0 &&
                     memcmp(path.p + path.n - sizeof(BEHIND) + 1, BEHIND, sizeof(BEHIND) - 1) == 0;

    static char reason[INVOKE_REASON_MAX];
    enum invoke_result result = invoke_parse(&address, &home, path, query);

    if (result != INVOKE_OK && result != INVOKE_NOT_THIS) {
        invoke_explain(result, &home, path, query, reason);
        FUZZ_CHECK(memchr(reason, '\0', sizeof(reason)));
    }
    if (result == INVOKE_OK && address.operation != INVOKE_BUFFERED) {
        check_accepted(&address);
        result = INVOKE_NOT_THIS;
    }
    switch (result) {
    case INVOKE_OK:
        FUZZ_CHECK(is_invoke);
        check_accepted(&address);
        check_plain(&address);
        check_encoded(&address, path, query);
        break;
    case INVOKE_NOT_THIS:
        FUZZ_CHECK(!is_invoke ||
                   memchr(path.p + sizeof(BEFORE) - 1, '/', path.n - (sizeof(BEFORE BEHIND) - 1)));
        break;
    default:
        break;
    }
    check_grammars((struct str){text, n});
    free(text);
    return 0;
}
