/* Lists of the Lambda API in pages: MaxItems and Marker of the query, and NextMarker. A marker is
 * the name of the last item of a page, so that pages stay in step while things come and go. */
#ifndef WEIR_CONTROL_LAMBDA_PAGE_H
#define WEIR_CONTROL_LAMBDA_PAGE_H

#include "control/lambda_call.h"

struct lambda_page {
    char marker[LAMBDA_TEXT]; /* items behind this; "": from the first on */
    size_t max;
    json_t *list; /* owned */
    char last_name[LAMBDA_TEXT];
    bool has_more, is_broken;
};

/* items_max: the largest MaxItems that Lambda takes; shown_max: how many it shows at most. What is
 * wrong is added to call->check. */
void lambda_page_read(struct lambda_page *page, struct lambda_call *call, size_t items_max,
                      size_t shown_max);

/* May one more item follow? Else there is a NextMarker, and you can stop. */
bool lambda_page_has_room(struct lambda_page *page);

/* Takes the item, NULL when out of memory. name: its marker. */
void lambda_page_add_take(struct lambda_page *page, struct str name, json_t *item);

/* Answers with the list as a member of this name. */
void lambda_page_answer(struct lambda_page *page, struct lambda_call *call, const char *member);

/* By bytes. */
int lambda_page_compare(struct str a, struct str b);

#endif
