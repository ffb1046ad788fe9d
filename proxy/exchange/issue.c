/* Names, paths and domains are bounded by the table document's rules, so all fits. */
#include "proxy/exchange/issue.h"

#include <assert.h>
#include <stdio.h>

#include "proxy/exchange/extras.h"

static const char *const SAME_SITE[] = {[ALIAS_SAME_SITE_LAX] = "Lax",
                                        [ALIAS_SAME_SITE_STRICT] = "Strict",
                                        [ALIAS_SAME_SITE_NONE] = "None"};

size_t issue_write(char out[ISSUE_MAX], const struct alias_source *source, struct str id)
{
    const struct alias_issue *issue = source->issue;
    char age[32] = "";
    int n;

    if (issue->has_max_age)
        snprintf(age, sizeof(age), "; Max-Age=%u", issue->max_age_s);
    n = snprintf(out, ISSUE_MAX, "%.*s=%.*s; Path=%.*s%s%s%.*s%s%s; SameSite=%s",
                 STR_ARG(source->name), STR_ARG(id), STR_ARG(issue->path), age,
                 issue->domain.n > 0 ? "; Domain=" : "", STR_ARG(issue->domain),
                 issue->is_secure ? "; Secure" : "", issue->is_http_only ? "; HttpOnly" : "",
                 SAME_SITE[issue->same_site]);
    assert(n > 0 && n < ISSUE_MAX);
    return (size_t)n;
}

void issue_cookie(struct exchange *ex, const struct issued *issued)
{
    struct extras *extras = extras_of(ex);
    char value[ISSUE_MAX];

    if (extras)
        extras_add(extras, STR("Set-Cookie"),
                   (struct str){value, issue_write(value, issued->source,
                                                   (struct str){issued->id, ASSIGN_ID_LENGTH})});
}
