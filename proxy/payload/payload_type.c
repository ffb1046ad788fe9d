/* Content types. */
#include "proxy/payload/payload_type.h"

static bool begins(struct str s, struct str with)
{
    return s.n >= with.n && str_ieq((struct str){s.p, with.n}, with);
}

static bool ends(struct str s, struct str with)
{
    return s.n >= with.n && str_ieq((struct str){s.p + s.n - with.n, with.n}, with);
}

bool payload_type_is_text(struct str content_type)
{
    static const char *const whole[] = {"application/json",         "application/xml",
                                        "application/javascript",   "application/ecmascript",
                                        "application/x-javascript", "application/x-ndjson"};
    struct str type = str_until(content_type, ';');

    while (type.n > 0 && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
        type.n--;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (str_ieq(type, str_of(whole[i])))
            return true;
    return begins(type, STR("text/")) || ends(type, STR("+json")) || ends(type, STR("+xml"));
}
