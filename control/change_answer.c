/* What is told of a change that has come to nothing. */
#include <assert.h>

#include "control/answer.h"
#include "control/change.h"
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
