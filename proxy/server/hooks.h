/* The hooks that the admin API is given. Control thread. */
#ifndef WEIR_PROXY_SERVER_HOOKS_H
#define WEIR_PROXY_SERVER_HOOKS_H

#include "control/api.h"
#include "proxy/server/state.h"

/* Hooks whose context is s, which must outlive them. */
struct api_hooks hooks_make(struct server *s);

#endif
