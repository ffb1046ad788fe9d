/* weir check: would a start with these documents, on this state, succeed? */
#ifndef WEIR_PROXY_SERVER_CHECK_H
#define WEIR_PROXY_SERVER_CHECK_H

#include "proxy/server/documents.h"

/* Prints every problem to standard error, one a line, and to standard output what of the state
 * would not count any more, as the table file has another word; the exit status. Changes nothing
 * and opens no socket; a weir may be running on the folder. */
int check_run(const struct documents_options *options);

#endif
