/* Pages. */
#include "control/lambda_page.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/answer.h"

void lambda_page_read(struct lambda_page *page, struct lambda_call *call, size_t items_max,
                      size_t shown_max)
{
    char text[32], constraint[64], *end;
    unsigned long max;

    *page = (struct lambda_page){.max = shown_max, .list = json_array()};
    lambda_call_query(call, "Marker", page->marker, sizeof(page->marker), NULL);
    if (!lambda_call_query(call, "MaxItems", text, sizeof(text), NULL))
        return;
    max = strtoul(text, &end, 10);
    snprintf(constraint, sizeof(constraint), "Member must have value less than or equal to %zu",
             items_max);
    if (text[0] < '0' || text[0] > '9' || *end || max < 1)
        lambda_check_add(&call->check, str_of(text), "maxItems",
                         "Member must have value greater than or equal to 1");
    else if (max > items_max)
        lambda_check_add(&call->check, str_of(text), "maxItems", constraint);
    else if (max < shown_max)
        page->max = max;
}

bool lambda_page_has_room(struct lambda_page *page)
{
    page->has_more = json_array_size(page->list) >= page->max;
    return !page->has_more;
}

void lambda_page_add_take(struct lambda_page *page, struct str name, json_t *item)
{
    if (json_array_append_new(page->list, item) < 0)
        page->is_broken = true;
    snprintf(page->last_name, sizeof(page->last_name), "%.*s", STR_ARG(name));
}

void lambda_page_answer(struct lambda_page *page, struct lambda_call *call, const char *member)
{
    json_t *json = page->is_broken || !page->list ? NULL : json_pack("{s:O}", member, page->list);

    if (json && page->has_more &&
        json_object_set_new(json, "NextMarker", json_string(page->last_name)) < 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(page->list);
    page->list = NULL;
    answer_json(call->out, 200, json);
}

int lambda_page_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}
