/* What is told of a change that has come to nothing. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/answer.h"
#include "control/change_parts.h"
#include "control/rowstore.h"

void change_answer_failure(struct change *change, const struct change_result *result)
{
    struct api_response *out = &change->response;

    assert(result->status != CHANGE_DONE);
    switch (result->status) {
    case CHANGE_REFUSED:
        answer_problems(out, result->problems);
        return;
    case CHANGE_CONFLICT:
        answer_error(out, 412, "PreconditionFailedException",
                     "It was changed by somebody else meanwhile: its RevisionId is another.");
        return;
    default:
        answer_error(out, 503,
                     change->hooks->rows->store->is_shared ? "ServiceUnavailableException"
                                                           : "ServiceException",
                     result->reason);
    }
}

bool change_answer_waits_for_fleet(struct str query)
{
    while (query.n > 0) {
        struct str part = str_until(query, '&');
        size_t used = part.n < query.n ? part.n + 1 : part.n;

        if (str_eq(part, STR("wait=fleet")))
            return true;
        query.p += used;
        query.n -= used;
    }
    return false;
}

void change_answer_not_spread(struct change *change, const char *reason)
{
    struct api_response *out = &change->response;
    unsigned long long generation = change->hooks->rows->store->generation;
    char message[CHANGE_REASON_MAX];

    snprintf(message, sizeof(message),
             "The change was made and is in force here, but it is not known whether all members of "
             "the fleet have it: %.700s.",
             reason);
    free(out->body);
    *out = (struct api_response){0};
    answer_error(out, 503, "ServiceUnavailableException", message);
    answer_field(out, "x-weir-generation", "%llu", generation);
}
