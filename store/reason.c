/* Writing down why something could not be done. */
#include "store/reason.h"

#include <stdarg.h>
#include <stdio.h>

int reason_say(struct store_reason *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason->text, sizeof(reason->text), format, args);
    va_end(args);
    return -1;
}
