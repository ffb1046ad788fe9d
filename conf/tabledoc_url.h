/* One function URL of the table document, the object below "urls" of a function. */
#ifndef WEIR_CONF_TABLEDOC_URL_H
#define WEIR_CONF_TABLEDOC_URL_H

#include "conf/jsondoc.h"
#include "router/model.h"

/* Reads and checks a URL, whose qualifier is the place's key. True if url is filled in: its
 * document is to be freed, its qualifier points to the key, its terms are in the stash. False with
 * a problem added. */
bool tabledoc_url_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct stash *stash, struct function_url *url);

#endif
