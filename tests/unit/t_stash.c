/* Pieces of a stash are zeroed, aligned, terminated, and never overlap. */
#include "base/stash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "failmalloc.h"

enum { PIECES = 4000 };

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    static struct {
        unsigned char *p;
        size_t n;
        unsigned char fill;
    } pieces[PIECES];
    static char text[3000];
    struct stash stash = {0};
    struct prng g;

    (void)state;
    prng_seed(&g, 1);
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < PIECES; i++) {
        size_t n = prng_below(&g, i % 100 == 0 ? sizeof(text) : 60);

        pieces[i].fill = (unsigned char)(1 + i % 255);
        pieces[i].n = n;
        if (i % 2) {
            pieces[i].p = (unsigned char *)stash_copy(&stash, (struct str){text, n});
            assert_non_null(pieces[i].p);
            assert_memory_equal(pieces[i].p, text, n);
            assert_int_equal(pieces[i].p[n], 0);
        } else {
            pieces[i].p = stash_take(&stash, n);
            assert_non_null(pieces[i].p);
            assert_int_equal((uintptr_t)pieces[i].p % 8, 0);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(pieces[i].p[k], 0);
        }
        memset(pieces[i].p, pieces[i].fill, n);
    }
    for (int i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < pieces[i].n; k++)
            assert_int_equal(pieces[i].p[k], pieces[i].fill);
        if (i % 2)
            assert_int_equal(pieces[i].p[pieces[i].n], 0);
    }
    stash_fini(&stash);
    assert_null(stash.blocks);
}

static void a_piece_larger_than_any_block_has_its_own(void **state)
{
    struct stash stash = {0};
    char *large, *small;

    (void)state;
    large = stash_take(&stash, 5 * 1024 * 1024);
    small = stash_take(&stash, 16);
    assert_non_null(large);
    assert_non_null(small);
    memset(large, 1, 5 * 1024 * 1024);
    assert_int_equal(small[0], 0);
    stash_fini(&stash);
}

static void without_memory_there_is_no_piece(void **state)
{
    struct stash stash = {0};

    (void)state;
    failmalloc_skip();
    failmalloc_arm(1);
    assert_null(stash_take(&stash, 1));
    assert_true(failmalloc_disarm());
    failmalloc_arm(1);
    assert_null(stash_copy(&stash, STR("a")));
    assert_true(failmalloc_disarm());
    assert_string_equal(stash_copy(&stash, STR("a")), "a");
    assert_string_equal(stash_copy(&stash, (struct str){NULL, 0}), "");
    stash_fini(&stash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_piece_larger_than_any_block_has_its_own),
        cmocka_unit_test(without_memory_there_is_no_piece),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
