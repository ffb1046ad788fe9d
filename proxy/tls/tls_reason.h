/* Why TLS failed, as a sentence for logs. */
#ifndef WEIR_PROXY_TLS_TLS_REASON_H
#define WEIR_PROXY_TLS_TLS_REASON_H

#include <openssl/ssl.h>

/* From what OpenSSL's error queue of this thread holds, and for a socket's own failure from
 * system_error (an errno, 0 if it is another). Empties the queue. The text is the thread's and
 * stays until the next call. */
const char *tls_reason(SSL *ssl, int system_error);

#endif
