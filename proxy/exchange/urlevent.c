/* Which fields a function sees. */
#include "proxy/exchange/urlevent.h"

#include <stdio.h>

#include "conf/credentials.h"
#include "proxy/exchange/rules.h"
#include "proxy/payload/payload_event.h"

enum { ARN_MAX = 256 };

/* As for an endpoint of kind http, but that Host and the length are fields like others, and that
 * nobody else writes X-Forwarded-For. A signature is for weir alone. */
static bool passes(const struct exchange *ex, const struct head *head, const struct head_field *f,
                   bool is_signed)
{
    struct rules_found found = {.is_trusted = ex->from.is_trusted};

    switch ((enum field_id)f->id) {
    case FIELD_HOST:
    case FIELD_CONTENT_LENGTH:
        return true;
    case FIELD_EXPECT:
        return false;
    case FIELD_X_FORWARDED_FOR:
        return ex->from.is_trusted;
    default:
        if (is_signed && str_ieq(head_name(head, f), STR("authorization")))
            return false;
        return !head_is_dropped(head, f) && rules_request_passes(ex->tuning, head, f, &found);
    }
}

static int take_fields(struct payload_pair *list, const struct exchange *ex,
                       const struct head *head, bool is_signed)
{
    int nr = 0;

    for (int i = 0; i < head->nr_fields; i++)
        if (passes(ex, head, &head->fields[i], is_signed))
            list[nr++] = (struct payload_pair){head_name(head, &head->fields[i]),
                                               head_value(head, &head->fields[i])};
    return nr;
}

/* weir's keys have no users and accounts of their own: the settings' account, and the key's id in
 * the place of a user's name. */
static struct payload_identity identity_of(const struct exchange *ex,
                                           const struct credentials_key *key, char arn[ARN_MAX])
{
    struct str id = str_of(key->access_key_id), account = ex->tuning->home.account;

    snprintf(arn, ARN_MAX, "arn:aws:iam::%.*s:user/%.*s", STR_ARG(account), STR_ARG(id));
    return (struct payload_identity){
        .access_key = id, .account = account, .caller = id, .user_arn = str_of(arn)};
}

void urlevent_write(struct buffer *out, struct exchange *ex, const struct head *head,
                    const struct choice *choice, struct str body)
{
    struct payload_pair fields[HEAD_FIELDS_MAX], variables[URL_TERMS_VARIABLES_MAX];
    const struct url_terms *terms = choice->terms;
    struct exchange_peer peer = {0};
    struct payload_identity identity;
    char arn[ARN_MAX];

    if (ex->front->describe)
        ex->front->describe(ex, &peer);
    for (int i = 0; i < terms->nr_variables; i++)
        variables[i] = (struct payload_pair){terms->variables[i].name, terms->variables[i].value};
    if (choice->key)
        identity = identity_of(ex, choice->key, arn);
    payload_event_write(out, &(struct payload_event){
                                 .method = head_method(head),
                                 .protocol = head->minor ? STR("HTTP/1.1") : STR("HTTP/1.0"),
                                 .path = choice->request.path,
                                 .query = choice->request.query,
                                 .body = body,
                                 .source = ex->from.address,
                                 .client = exchange_client(ex),
                                 .request_id = choice->request.request_id,
                                 .domain = head_at(head, head->host_at, head->host_len),
                                 .api_id = str_of(choice->api_id),
                                 .tls_version = str_of(peer.tls_version),
                                 .tls_cipher = str_of(peer.tls_cipher),
                                 .port = peer.port,
                                 .is_tls = ex->from.is_tls,
                                 .unix_ms = ex->start_unix_us / 1000,
                                 .fields = fields,
                                 .nr_fields = take_fields(fields, ex, head, choice->key != NULL),
                                 .stage = terms->stage,
                                 .stage_variables = variables,
                                 .nr_stage_variables = terms->nr_variables,
                                 .identity = choice->key ? &identity : NULL,
                             });
}
