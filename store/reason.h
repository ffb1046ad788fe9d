/* Writing down why something could not be done. */
#ifndef WEIR_STORE_REASON_H
#define WEIR_STORE_REASON_H

#include "store/store.h"

/* Always -1, for the caller to return. */
int reason_say(struct store_reason *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
