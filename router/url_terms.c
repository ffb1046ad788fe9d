/* Copying. */
#include "router/url_terms.h"

static int keep(struct stash *stash, struct str *s)
{
    s->p = stash_copy(stash, *s);
    return s->p ? 0 : -1;
}

static int copy_variables(struct stash *stash, struct url_terms *terms)
{
    struct url_terms_variable *list;

    if (terms->nr_variables == 0)
        return 0;
    list = stash_take(stash, (size_t)terms->nr_variables * sizeof(list[0]));
    if (!list)
        return -1;
    for (int i = 0; i < terms->nr_variables; i++) {
        list[i] = terms->variables[i];
        if (keep(stash, &list[i].name) || keep(stash, &list[i].value))
            return -1;
    }
    terms->variables = list;
    return 0;
}

struct url_terms *url_terms_copy(struct stash *stash, const struct url_terms *terms)
{
    struct url_terms *copy = stash_take(stash, sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *terms;
    if (copy_variables(stash, copy) || (copy->stage.n > 0 && keep(stash, &copy->stage)))
        return NULL;
    if (terms->cors) {
        copy->cors = cors_copy(stash, terms->cors);
        if (!copy->cors)
            return NULL;
    }
    return copy;
}
