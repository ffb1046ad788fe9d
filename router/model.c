/* What needs no more than the structs. */
#include "router/model.h"

struct endpoint_health model_unwatched;

struct version *model_version(const struct function *function, struct str name, int place)
{
    if (place < function->nr_versions && str_eq(function->versions[place].name, name))
        return &function->versions[place];
    for (int i = 0; i < function->nr_versions; i++)
        if (str_eq(function->versions[i].name, name))
            return &function->versions[i];
    return NULL;
}
