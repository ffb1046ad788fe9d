/* Upgrades (RFC 9110 section 7.8): which are passed on, and which answers are to them. Pure. */
#ifndef WEIR_PROXY_EXCHANGE_UPGRADE_H
#define WEIR_PROXY_EXCHANGE_UPGRADE_H

#include <stdbool.h>

#include "proxy/http/head.h"

/* Whether a request's upgrade may be passed on to a version that allows upgrades: all that it
 * asks for is tunnelled here. Otherwise it is an ordinary request. */
bool upgrade_may_pass(const struct head *head);

/* Whether a 101 is to one of the protocols that were asked for. */
bool upgrade_was_asked_for(struct str asked_for, const struct head *head);

#endif
