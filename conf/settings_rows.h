/* The rows of the settings document: the one list of what it may say, which parsing, dumping,
 * overriding, reloading and the reference in docs/settings.md loop over. When you add a setting,
 * add its member to struct settings and its row here. */
#ifndef WEIR_CONF_SETTINGS_ROWS_H
#define WEIR_CONF_SETTINGS_ROWS_H

#include "conf/rows.h"
#include "conf/settings.h"

/* A listener as its object says it; settings.c makes a struct listener_settings of it. */
struct listener_draft {
    struct listener_settings listener; /* without certificates */
    char *certificate, *key;           /* the first certificate */
};

/* Of struct settings; "listeners" is special. */
extern const struct row settings_rows_main[];
extern const int settings_rows_nr_main;

/* Of struct listener_draft; "tls.certificates" is special. */
extern const struct row settings_rows_listener[];
extern const int settings_rows_nr_listener;

/* Of struct certificate_settings. */
extern const struct row settings_rows_certificate[];
extern const int settings_rows_nr_certificate;

#endif
