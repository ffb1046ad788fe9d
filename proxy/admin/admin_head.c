/* The heads of the admin listener's responses. They are formatted anew each time, the date as well:
 * there are few. */
#include "proxy/admin/admin_head.h"

#include <time.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/id.h"
#include "base/text.h"
#include "proxy/http/reply.h"

enum { DATE_BYTES = 48 };

static char *write_date(char *p)
{
    time_t now = (time_t)(clock_unix_us() / 1000000);
    struct tm tm;

    gmtime_r(&now, &tm);
    return p + strftime(p, DATE_BYTES, "\r\nDate: %a, %d %b %Y %H:%M:%S GMT", &tm);
}

static char *write_field(char *p, const char *name, const char *value)
{
    p = text_lit(p, "\r\n");
    p = text_str(p, str_of(name));
    p = text_lit(p, ": ");
    return text_str(p, str_of(value));
}

/* Of a page: what it may load, and that a browser asks whether it still is so before it shows it
 * again. */
static char *write_policy(char *p, const char *policy)
{
    p = write_field(p, "Content-Security-Policy", policy);
    p = text_lit(p, "\r\nX-Content-Type-Options: nosniff");
    p = text_lit(p, "\r\nReferrer-Policy: no-referrer");
    p = text_lit(p, "\r\nCross-Origin-Opener-Policy: same-origin");
    p = text_lit(p, "\r\nCross-Origin-Resource-Policy: same-origin");
    return text_lit(p, "\r\nCache-Control: no-cache");
}

char *admin_head_write(char *p, const struct api_response *response, struct admin_head head)
{
    p = text_lit(p, "HTTP/1.1 ");
    p = decimal_put(p, (uint64_t)response->status);
    p = text_char(p, ' ');
    p = text_str(p, str_of(reply_phrase(response->status)));
    if (response->content_type)
        p = write_field(p, "Content-Type", response->content_type);
    if (response->error_type)
        p = write_field(p, "x-amzn-ErrorType", response->error_type);
    if (response->allow)
        p = write_field(p, "Allow", response->allow);
    for (int i = 0; i < response->nr_fields; i++)
        p = write_field(p, response->fields[i].name, response->fields[i].value);
    p = write_date(p);
    p = text_lit(p, "\r\nx-amzn-RequestId: ");
    id_write(p, head.id[0], head.id[1]);
    p += ID_LENGTH;
    if (response->policy)
        p = write_policy(p, response->policy);
    else
        p = text_lit(p, "\r\nCache-Control: no-store");
    if (response->status != 204 && response->status != 304) { /* RFC 9110 section 8.6 */
        p = text_lit(p, "\r\nContent-Length: ");
        p = decimal_put(p, response->length);
    }
    if (head.is_last)
        p = text_lit(p, "\r\nConnection: close");
    else if (head.is_http10)
        p = text_lit(p, "\r\nConnection: keep-alive");
    return text_lit(p, "\r\n\r\n");
}
