/* Cuts names with the grammar of the data plane. */
#include "control/lambda_name.h"

#include <stdio.h>

static void keep(char *out, size_t size, struct str text)
{
    snprintf(out, size, "%.*s", STR_ARG(text));
}

/* What stands before the next colon, which is cut off too. */
static struct str cut(struct str *rest)
{
    struct str field = str_until(*rest, ':');
    size_t used = field.n + (field.n < rest->n);

    rest->p += used;
    rest->n -= used;
    return field;
}

/* Region and account of a text that is well-formed: those fields of it that have their form, and
 * stand before the name. */
static void find_place(struct lambda_name *name)
{
    struct str rest = str_of(name->text), field = cut(&rest);

    if (str_eq(field, STR("arn")) && rest.n > 0) {
        struct str after = rest, region;

        cut(&after); /* the partition */
        cut(&after); /* lambda */
        region = cut(&after);
        if (!arn_is_region(region)) /* a function called arn */
            return;
        keep(name->region, sizeof(name->region), region);
        keep(name->account, sizeof(name->account), cut(&after));
        return;
    }
    if (arn_is_region(field) && arn_is_account(str_until(rest, ':'))) {
        keep(name->region, sizeof(name->region), field);
        field = cut(&rest);
    }
    /* Where only a qualifier follows, the digits are the function. */
    if (arn_is_account(field) && rest.n > 0 && !str_eq(field, str_of(name->function)))
        keep(name->account, sizeof(name->account), field);
}

bool lambda_name_parse(struct str text, struct lambda_name *out)
{
    struct invoke_address address;

    out->function[0] = out->qualifier[0] = out->region[0] = out->account[0] = '\0';
    keep(out->text, sizeof(out->text), text);
    if (text.n == 0 || memchr(text.p, '%', text.n) || memchr(text.p, '\0', text.n) ||
        invoke_parse_name(&address, text) != INVOKE_OK)
        return false;
    keep(out->function, sizeof(out->function), address.function);
    keep(out->qualifier, sizeof(out->qualifier), address.qualifier);
    find_place(out);
    return true;
}
