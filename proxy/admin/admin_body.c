/* Limits of bodies, by operation. */
#include "proxy/admin/admin_body.h"

#include <stdio.h>
#include <string.h>

#include "control/access.h"
#include "control/lambda.h"

/* LAMBDA: AWS's own limit, of a CreateFunction that brings its code. weir takes no code, but says
 * so with the error that belongs to it. */
enum { BODY_MAX = 1024 * 1024, LAMBDA_BODY_MAX = 70167211 };
/* Of Step Functions: definitions have a million characters, which JSON may write as more; and
 * likewise where a signature is to prove who sends them. */
enum { SFN_BODY_MAX = 8 * 1024 * 1024, SFN_SIGNED_MAX = 2 * 1024 * 1024 };

struct str admin_body_field(const struct head *head, struct str name)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (str_ieq(head_name(head, &head->fields[i]), name))
            return head_value(head, &head->fields[i]);
    return (struct str){NULL, 0};
}

/* A whole table is the one large thing that is sent here. */
static bool is_table(const struct head *head)
{
    return str_eq(head_method(head), STR("PUT")) && str_eq(head_path(head), STR("/table"));
}

static bool is_sfn(const struct head *head)
{
    const struct str prefix = STR("AWSStepFunctions.");
    struct str target = admin_body_field(head, STR("x-amz-target"));

    return target.n > prefix.n && memcmp(target.p, prefix.p, prefix.n) == 0;
}

static const char *lambda_operation_of(const struct head *head)
{
    return lambda_operation_name(head_method(head), head_path(head));
}

static bool may_send_much(const struct head *head, const struct settings *settings,
                          bool has_certificate)
{
    struct str authorization = admin_body_field(head, STR("authorization"));

    return !access_is_guarded(settings) ||
           access_look(settings, authorization, has_certificate) == ACCESS_GRANTED;
}

size_t admin_body_max(const struct head *head, const struct settings *settings,
                      bool has_certificate)
{
    bool is_much = may_send_much(head, settings, has_certificate);

    if (is_sfn(head))
        return is_much ? SFN_BODY_MAX : SFN_SIGNED_MAX;
    if (!is_much)
        return BODY_MAX;
    if (is_table(head))
        return settings->admin_table_bytes;
    return lambda_operation_of(head) ? LAMBDA_BODY_MAX : BODY_MAX;
}

const char *admin_body_message(const struct head *head, size_t max,
                               char out[ADMIN_BODY_MESSAGE_MAX])
{
    const char *operation = lambda_operation_of(head);
    const char *message = is_table(head) ? "The body is larger than the setting admin.table_bytes, "
                                           "or than a megabyte and sent without the token or a "
                                           "certificate."
                          : is_sfn(head) ? "The body is larger than 8 megabytes, or than 2 and "
                                           "sent without the token or a certificate."
                                         : "The body is larger than a megabyte.";

    if (operation)
        snprintf(out, ADMIN_BODY_MESSAGE_MAX,
                 "Request must be smaller than %zu bytes for the %s operation", max, operation);
    else
        snprintf(out, ADMIN_BODY_MESSAGE_MAX, "%s", message);
    return out;
}
