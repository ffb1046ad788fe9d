/* Own answers. The JSON's member names differ by family of error, as they do in Lambda's API. */
#include "proxy/http/reply.h"

#include "base/decimal.h"
#include "base/escape.h"
#include "base/id.h"
#include "base/text.h"
#include "proxy/http/traceid.h"

enum { MESSAGE_MAX = 2048 };

const char *reply_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

static const struct escape_limit message_limit = {MESSAGE_MAX, 1};

static char *write_reason(char *p, const struct reply *reply)
{
    p = text_lit(p, "\"Reason\":\"");
    return text_str(p, reply->reason ? str_of(reply->reason)
                                     : STR("ConcurrentInvocationLimitExceeded"));
}

/* Errors of signatures, which have a message alone. */
static bool is_of_signature(const char *type)
{
    static const char *const types[] = {
        "MissingAuthenticationTokenException", "IncompleteSignatureException",
        "UnrecognizedClientException", "InvalidSignatureException", "AccessDeniedException"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static char *write_body(char *p, const struct reply *reply)
{
    const char *type = reply->type ? reply->type : "";
    bool is_service = reply->status >= 500;
    uint32_t cuts = 0; /* a cut message is still one */
    bool is_denied = strcmp(type, "AccessDeniedException") == 0;
    bool is_capital = is_service || is_denied || strcmp(type, "ResourceNotFoundException") == 0;

    p = text_char(p, '{');
    if (strcmp(type, "TooManyRequestsException") == 0)
        p = text_str(write_reason(p, reply), STR("\","));
    if (strcmp(type, "ValidationException") != 0 && !is_of_signature(type))
        p = is_service ? text_lit(p, "\"Type\":\"Service\",") : text_lit(p, "\"Type\":\"User\",");
    p = is_capital ? text_lit(p, "\"Message\":") : text_lit(p, "\"message\":");
    if (is_denied && !reply->message[0]) /* as function URLs have it where there is no such one */
        return text_lit(p, "null}\n");
    p = text_char(p, '"');
    if (reply->message[0])
        p = escape_quoted(p, str_of(reply->message), &message_limit, &cuts);
    return text_lit(p, "\"}\n");
}

static char *write_fields(char *p, struct str date_line, const struct reply *reply)
{
    if (reply->message)
        p = text_lit(p, "Content-Type: application/json\r\n");
    if (reply->type) {
        p = text_lit(p, "x-amzn-ErrorType: ");
        p = text_str(p, str_of(reply->type));
        p = text_lit(p, "\r\n");
    }
    if (reply->status == 202 || reply->status == 204) /* an Invoke that does not wait, or not run */
        p = text_lit(p, "x-amzn-Remapped-Content-Length: 0\r\n");
    p = text_lit(p, "x-amzn-RequestId: ");
    p = text_str(p, (struct str){reply->request_id, ID_LENGTH});
    p = text_lit(p, "\r\n");
    if (reply->trace)
        p = traceid_put(p, reply->trace, reply->request_id, reply->second);
    p = text_str(p, date_line);
    if (reply->status == 405)
        p = text_lit(p, "Allow: POST\r\n");
    if (reply->status == 503)
        p = text_lit(p, "Retry-After: 1\r\n");
    if (reply->location) {
        p = text_lit(p, "Location: ");
        p = text_str(p, str_of(reply->location));
        p = text_lit(p, "\r\n");
    }
    p = text_str(p, str_of(reply->hsts_line));
    if (reply->is_close)
        return text_lit(p, "Connection: close\r\n");
    return reply->is_http10 ? text_lit(p, "Connection: keep-alive\r\n") : p;
}

/* The body is written first, aside, to learn its length. */
char *reply_write(char *p, struct str date_line, const struct reply *reply, size_t *body_bytes)
{
    char body[MESSAGE_MAX + 128];
    size_t length = reply->message ? (size_t)(write_body(body, reply) - body) : 0;

    p = text_lit(p, "HTTP/1.1 ");
    p = decimal_put(p, (uint64_t)reply->status);
    p = text_char(p, ' ');
    p = text_str(p, str_of(reply_phrase(reply->status)));
    p = text_lit(p, "\r\n");
    p = write_fields(p, date_line, reply);
    if (reply->status != 204) { /* RFC 9110 section 8.6 */
        p = text_lit(p, "Content-Length: ");
        p = decimal_put(p, length);
        p = text_lit(p, "\r\n");
    }
    p = text_lit(p, "\r\n");
    *body_bytes = reply->is_head ? 0 : length;
    return text_str(p, (struct str){body, *body_bytes});
}
