/* The grammars of regions, accounts and partitions, and writing ARNs. */
#include "router/arn.h"

#include "base/text.h"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip(struct str *s, struct str what)
{
    if (s->n < what.n || memcmp(s->p, what.p, what.n) != 0)
        return false;
    s->p += what.n;
    s->n -= what.n;
    return true;
}

bool arn_is_partition(struct str s)
{
    if (s.n == 0)
        return true;
    if (!skip(&s, STR("aws")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower(str_lower(s.p[i])) && s.p[i] != '-')
            return false;
    return true;
}

bool arn_is_region(struct str s)
{
    size_t n = 0;

    if (s.n > ARN_REGION_MAX)
        return false;
    skip(&s, STR("eusc-"));
    if (s.n < 2 || !is_lower(s.p[0]) || !is_lower(s.p[1]))
        return false;
    s.p += 2;
    s.n -= 2;
    if (!skip(&s, STR("-gov-"))) {
        if (skip(&s, STR("-iso")) && s.n > 0 && is_lower(s.p[0])) {
            s.p++;
            s.n--;
        }
        if (!skip(&s, STR("-")))
            return false;
    }
    while (n < s.n && is_lower(s.p[n]))
        n++;
    return n > 0 && s.n == n + 2 && s.p[n] == '-' && is_digit(s.p[n + 1]);
}

bool arn_is_account(struct str s)
{
    if (s.n != ARN_ACCOUNT)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return true;
}

/* Of the regions that botocore knows. */
struct str arn_partition(struct str region)
{
    if (skip(&region, STR("cn-")))
        return STR("aws-cn");
    if (skip(&region, STR("us-gov-")))
        return STR("aws-us-gov");
    if (skip(&region, STR("us-iso-")))
        return STR("aws-iso");
    if (skip(&region, STR("us-isob-")))
        return STR("aws-iso-b");
    return skip(&region, STR("eusc-")) ? STR("aws-eusc") : STR("aws");
}

char *arn_write(char *p, const struct arn_home *home, struct str function, struct str qualifier)
{
    p = text_lit(p, "arn:");
    p = text_str(p, arn_partition(home->region));
    p = text_lit(p, ":lambda:");
    p = text_str(p, home->region);
    p = text_char(p, ':');
    p = text_str(p, home->account);
    p = text_lit(p, ":function:");
    p = text_str(p, function);
    if (qualifier.n == 0)
        return p;
    p = text_char(p, ':');
    return text_str(p, qualifier);
}
