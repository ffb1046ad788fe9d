/* Extensions of chunks: the grammar, over every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/chunkext.h"

static const char *const good[] = {
    ";a\r",         ";a=b\r",
    ";a;b;c\r",     ";a=b;c\r",
    ";a=\"\"\r",    ";a=\"b;c = d\\\"\\\\\t\xff\"\r",
    ";a=\"b\";c\r", " ;a\r",
    "; a\r",        " \t ;\t \ta\t = \tb ; c = \"d\" ;\te\r",
    ";a ;b\r",      ";!#$%&'*+-.^_`|~0aZ=!#$%&'*+-.^_`|~0aZ\r",
};

static const char *const bad[] = {
    " \r",         "\t\r",         ";\r",
    "; \r",        ";a \r",        ";a=\r",
    ";a= \r",      ";a=b \r",      ";a=\"b\" \r",
    ";;a\r",       "; ;a\r",       ";=b\r",
    "; = b\r",     ";a==b\r",      ";a b\r",
    ";a = b c\r",  ";a=b=c\r",     ";a=b\"\r",
    ";a=\"b\"c\r", ";a=\"b\" c\r", ";a=\"b\r\"",
    ";a=\"\\\r",   ";a\n",         " \n",
    "; \n",        ";a=\"\n\"",    ";a=\"\x7f\"",
    ";a=\"\\\n\"", " a\r",         " 5\r",
    " =b\r",       ";a\x0b;b\r",   ";\x80\r",
    ";a=b,c\r",    ";a/b\r",       ";a\x0c;b\r",
    ";\xa0z\r",    "a\r",          ";a=\"b\"\"c\"\r",
};

/* Whether it is read to its CR, in two parts. */
static int is_read(const char *text, size_t n, size_t cut)
{
    struct chunkext e;
    const char *complaint = NULL, *at;

    chunkext_begin(&e);
    at = chunkext_read(&e, text, text + cut, &complaint);
    if (at == text + cut)
        at = chunkext_read(&e, at, text + n, &complaint);
    if (!at) {
        assert_non_null(complaint);
        return 0;
    }
    assert_int_equal(*at, '\r');
    assert_ptr_equal(at, text + n - 1);
    return 1;
}

static void what_the_grammar_has_is_read_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t cut = 0, n = strlen(good[i]); cut < n; cut++)
            if (!is_read(good[i], n, cut))
                fail_msg("%s, cut at %zu, was refused", good[i], cut);
}

static void what_the_grammar_does_not_have_is_refused_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (size_t cut = 0, n = strlen(bad[i]); cut < n; cut++)
            if (is_read(bad[i], n, cut))
                fail_msg("%s, cut at %zu, was read", bad[i], cut);
}

static void white_space_counts_too(void **state)
{
    static char text[CHUNKEXT_MAX + 2];

    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text + CHUNKEXT_MAX - 2, ";a\r", 3);
    assert_true(is_read(text, CHUNKEXT_MAX + 1, 7));
    memcpy(text + CHUNKEXT_MAX - 2, " ;a\r", 4);
    assert_false(is_read(text, CHUNKEXT_MAX + 2, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_grammar_has_is_read_wherever_it_is_cut),
        cmocka_unit_test(what_the_grammar_does_not_have_is_refused_wherever_it_is_cut),
        cmocka_unit_test(white_space_counts_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
