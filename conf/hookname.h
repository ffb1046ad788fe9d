/* What may stand for a hook of a deployment: a function's name or ARN, with or without qualifier,
 * or a URL. Pure; any thread. */
#ifndef WEIR_CONF_HOOKNAME_H
#define WEIR_CONF_HOOKNAME_H

#include <stdbool.h>

enum { HOOKNAME_MAX = 2048 };

bool hookname_is(const char *text);
/* Of one that is a hook: is it a URL? */
bool hookname_is_url(const char *hook);

#endif
