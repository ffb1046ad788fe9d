/* A request of weir's own, which the process makes for the control API: an Invoke of a function of
 * the table, or a POST to a URL. Control thread. */
#ifndef WEIR_CONTROL_ERRAND_H
#define WEIR_CONTROL_ERRAND_H

#include <stdbool.h>

#include "base/str.h"

enum { ERRAND_ANSWER_MAX = 65536, ERRAND_REASON_MAX = 256 };

/* How it went; the strings are valid for the call. */
struct errand_result {
    int status;             /* of the answer; 0: there was none */
    bool is_function_error; /* the answer says that the function failed */
    const char *reason;     /* where there was none: why, a sentence without full stop */
    struct str body;        /* its beginning, at most ERRAND_ANSWER_MAX */
};

/* Yours until over is called, or errand_forget (struct api_hooks). The first six are read within
 * the call that begins it. */
struct api_errand {
    const char *url; /* NULL: an Invoke */
    struct str function, qualifier;
    struct str fields; /* further field lines, each with its CR LF */
    struct str body;
    const char *content_type; /* NULL: application/json */
    void (*over)(struct api_errand *errand, const struct errand_result *result);
    void *context; /* yours */
    void *work;    /* the process' */
};

#endif
