/* Reading the files of secrets that the settings name: access keys, the admin token and the keys
 * of pins. Control
 * thread, and the thread that reads documents for it. */
#ifndef WEIR_CONF_SECRETS_H
#define WEIR_CONF_SECRETS_H

#include <stdbool.h>

#include "conf/problems.h"
#include "conf/settings.h"

/* Fills in settings->secrets, which are empty; a file that others can read gets a line in the log.
 * 0, or -1 with problems added. */
int secrets_read(struct settings *settings, struct problems *problems)
    __attribute__((warn_unused_result));

bool secrets_equal(const struct settings *a, const struct settings *b);

#endif
