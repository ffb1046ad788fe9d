/* What a start needs of the machine beside its documents: addresses to listen on, and a place for
 * the access log. The start and weir check look in the same way, so that one finds what the other
 * would. Control thread, before anything is opened. */
#ifndef WEIR_PROXY_SERVER_SURROUNDINGS_H
#define WEIR_PROXY_SERVER_SURROUNDINGS_H

#include <stdbool.h>

#include "proxy/server/documents.h"

enum surroundings_for {
    SURROUNDINGS_START, /* waits a moment for a weir that is about to end */
    SURROUNDINGS_CHECK  /* does not; an address that a weir has is told on standard output */
};

/* Adds a problem for each address that cannot be listened on, that two listeners take under
 * different names, and for an access log that could not be opened. Makes and changes nothing. */
void surroundings_look(const struct settings *settings, const struct documents_options *options,
                       enum surroundings_for what_for, struct problems *problems);

#endif
