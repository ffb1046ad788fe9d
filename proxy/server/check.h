/* weir check: would a start with these documents, on this state, succeed? */
#ifndef WEIR_PROXY_SERVER_CHECK_H
#define WEIR_PROXY_SERVER_CHECK_H

#include "proxy/server/documents.h"

/* Prints every problem to standard error, one a line, and to standard output what of the state
 * would not count any more, as the table file has another word; the exit status. Changes nothing;
 * a weir may be running on the folder. What a start needs of the machine is looked at too where the
 * options name settings or an address, but not with --reload. */
int check_run(const struct documents_options *options);

#endif
