/* Names of functions are read as Invoke reads them. */
#include "conf/hookname.h"

#include <string.h>
#include <strings.h>

#include "conf/url.h"
#include "router/invoke.h"

bool hookname_is_url(const char *hook)
{
    return strncasecmp(hook, "http://", 7) == 0 || strncasecmp(hook, "https://", 8) == 0;
}

bool hookname_is(const char *text)
{
    struct invoke_address address;
    struct url url;

    if (strlen(text) > HOOKNAME_MAX)
        return false;
    if (hookname_is_url(text)) /* whose query url_parse does not know */
        return !url_parse(str_until(str_of(text), '?'), &url) && !strpbrk(text, " \t\r\n#");
    return invoke_parse_name(&address, str_of(text)) == INVOKE_OK &&
           invoke_is_function_name(address.function);
}
