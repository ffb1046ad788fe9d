/* Linked into every unit test: the rules that cmocka itself does not enforce.
 *
 * - A test process ends after a time limit, so that a test that hangs fails instead of stopping the
 * suite.
 * - The first argument is a pattern for the names of the tests to run ("*reload*"). A pattern or a
 * group that matches no test is a failure; cmocka alone would run nothing and report success.
 * - A line "unit: N passed, N failed" is printed for scripts/test.sh to add up.
 *
 * It works under an ordinary main: the linker's --wrap sends cmocka_run_group_tests here, and glibc
 * hands the command line to constructors.
 */
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIME_LIMIT_S = 120 };

static const char *pattern = "*";

int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t nr,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t nr,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);

static __attribute__((constructor)) void guard_begin(int argc, char **argv)
{
    const char *limit = getenv("UNIT_TIME_LIMIT_S");

    if (argc > 1)
        pattern = argv[1];
    /* SIGALRM is left at its default, which ends the process. */
    alarm(limit ? (unsigned)strtoul(limit, NULL, 10) : TIME_LIMIT_S);
}

static size_t count_matches(const struct CMUnitTest *tests, size_t nr)
{
    size_t matches = 0;

    /* cmocka's own matching knows * and ? only. */
    if (strpbrk(pattern, "[\\"))
        return 0;
    for (size_t i = 0; i < nr; i++)
        if (tests[i].test_func && fnmatch(pattern, tests[i].name, 0) == 0)
            matches++;
    return matches;
}

int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t nr,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    size_t matches = count_matches(tests, nr);
    int failed;

    if (matches == 0) {
        fprintf(stderr, "%s: no test matches \"%s\"\n", group, pattern);
        return 1;
    }
    cmocka_set_test_filter(pattern);
    failed = __real__cmocka_run_group_tests(group, tests, nr, setup, teardown);
    /* A failed group setup counts once, and then none of the tests has run. */
    printf("unit: %zu passed, %d failed\n", failed > (int)matches ? 0 : matches - (size_t)failed,
           failed);
    fflush(stdout);
    return failed;
}
