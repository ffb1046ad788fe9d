/* jansson's memory: trees in a pool, one after the other, small and large; and none left. */
#include "conf/jsonmem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "failmalloc.h"

/* An array of n strings, as text. */
static char *array_of(size_t n)
{
    size_t size = n * 12 + 3, at = 1;
    char *text = malloc(size);

    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, size - at, "%s\"%zu\"", i > 0 ? "," : "", i);
    snprintf(text + at, size - at, "]");
    return text;
}

static void trees_of_all_sizes_follow_each_other_in_a_pool(void **state)
{
    static const size_t sizes[] = {0, 1, 5000, 3, 20000, 20000, 0, 7};
    struct jsonmem_pool *pool = jsonmem_pool_make();

    (void)state;
    assert_non_null(pool);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *text = array_of(sizes[i]);
        json_t *heap = json_loads(text, 0, NULL), *pooled;

        jsonmem_begin(pool);
        pooled = json_loads(text, 0, NULL);
        assert_false(jsonmem_end());
        assert_int_equal(json_array_size(pooled), sizes[i]);
        assert_true(json_equal(pooled, heap));
        json_decref(heap); /* outside, everything is the heap's */
        free(text);
    }
    jsonmem_pool_free(&pool);
    assert_null(pool);
    jsonmem_pool_free(&pool);
}

static void memory_that_runs_out_is_noticed(void **state)
{
    struct jsonmem_pool *pool = jsonmem_pool_make();
    char *text = array_of(20000);

    (void)state;
    assert_non_null(pool);
    failmalloc_skip();
    failmalloc_arm(1);
    jsonmem_begin(pool);
    assert_null(json_loads(text, 0, NULL));
    assert_true(jsonmem_end());
    assert_true(failmalloc_disarm());
    jsonmem_begin(pool);
    assert_non_null(json_loads("[1]", 0, NULL));
    assert_false(jsonmem_end());
    jsonmem_pool_free(&pool);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_of_all_sizes_follow_each_other_in_a_pool),
        cmocka_unit_test(memory_that_runs_out_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
