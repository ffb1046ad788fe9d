/* Comparing inputs, and telling those who wait. */
#include "control/execution_tell.h"

#include <jansson.h>

/* ---- Inputs ---------------------------------------------------------------------------------- */

static bool is_same(const json_t *a, const json_t *b);

static bool is_same_object(const json_t *a, const json_t *b)
{
    json_t *o = (json_t *)(uintptr_t)a; /* jansson's iterators take no const */

    if (json_object_size(a) != json_object_size(b))
        return false;
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        const json_t *other = json_object_get(b, json_object_iter_key(i));

        if (!other || !is_same(json_object_iter_value(i), other))
            return false;
    }
    return true;
}

static bool is_same_array(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!is_same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}

static bool is_same(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        return x >= y && x <= y;
    }
    if (json_is_object(a) && json_is_object(b))
        return is_same_object(a, b);
    if (json_is_array(a) && json_is_array(b))
        return is_same_array(a, b);
    return json_equal(a, b) != 0;
}

bool execution_tell_same_input(struct str a, struct str b)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *x, *y;
    bool is;

    if (str_eq(a, b))
        return true;
    x = json_loadb(a.n ? a.p : " ", a.n ? a.n : 1, flags, NULL);
    y = json_loadb(b.n ? b.p : " ", b.n ? b.n : 1, flags, NULL);
    is = x && y && is_same(x, y);
    json_decref(x);
    json_decref(y);
    return is;
}

/* ---- Telling --------------------------------------------------------------------------------- */

enum execution_result execution_tell_compare(const struct store_execution *there, struct str input,
                                             bool is_retry)
{
    const struct str other = {there->input, there->input_bytes};

    if (is_retry)
        return EXECUTION_OK;
    return there->status == EXECUTION_RUNNING && execution_tell_same_input(input, other)
               ? EXECUTION_OK
               : EXECUTION_EXISTS;
}

void execution_tell_compared(struct execution_waits *waits, const struct store_execution *there,
                             bool is_retry)
{
    struct execution_wait *wait;

    while ((wait = LIST_FIRST(waits))) {
        const struct execution_told told = {
            .result = execution_tell_compare(there, wait->input, is_retry), .execution = there};

        LIST_REMOVE(wait, link);
        wait->link.le_prev = NULL;
        wait->told(wait, &told);
    }
}

struct store_execution execution_tell_whole(const struct execution *e)
{
    struct store_execution record = e->record;

    record.input = e->input;
    record.input_bytes = e->input_bytes;
    record.definition = e->definition ? e->definition : "";
    return record;
}

void execution_tell_started(struct execution *e)
{
    const struct store_execution record = execution_tell_whole(e);

    execution_tell_compared(&e->starts, &record, e->is_retry_name);
}

void execution_tell_all(struct execution_waits *waits, const struct execution_told *told)
{
    struct execution_wait *wait;

    while ((wait = LIST_FIRST(waits))) {
        LIST_REMOVE(wait, link);
        wait->link.le_prev = NULL;
        wait->told(wait, told);
    }
}
