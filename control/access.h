/* Which requests the admin listener answers at all.
 *
 * Where the settings name access keys, a token or authorities of client certificates, every request
 * but GET /healthz and /readyz, and those for the files of the page, which hold no data
 * (control/adminpage.h), has to show one of them: a signature (control/sigv4.h) by a key that
 * allows it, the token, or a certificate of the connection. Else anybody who reaches the address
 * may use it, which the settings allow on the loopback only; web pages in an operator's browser
 * reach that too, and are refused.
 *
 * Pure but for the clock. Any thread. */
#ifndef WEIR_CONTROL_ACCESS_H
#define WEIR_CONTROL_ACCESS_H

#include "control/api.h"
#include "control/sigv4.h"

/* True where the request must not be served, with the refusal filled in:
 *   403 where it shows nothing that allows it (400 in the services that have one address);
 * and, of requests with neither signature nor token,
 *   403 where Host is neither an IP address, localhost, the host of admin.address nor one of
 *       admin.hosts;
 *   403 where Origin names another site than the listener itself, by an address or a name that the
 *       settings give;
 *   415 for one that changes something and has a Content-Type that forms of web pages can send.
 *       Clients of the Lambda API send none, or others. */
bool access_refuse(const struct settings *settings, const struct api_request *request,
                   struct api_response *response);

/* Does the admin listener ask for keys, tokens or certificates? */
bool access_is_guarded(const struct settings *settings);

/* What a request shows, as far as it can be seen without its body. */
enum access_proof {
    ACCESS_GRANTED,  /* the token, or a certificate: it may do everything */
    ACCESS_SIGNATURE /* nothing, or a signature, right or wrong */
};

/* authorization is the value of that field, p NULL where there is none. */
enum access_proof access_look(const struct settings *settings, struct str authorization,
                              bool has_certificate);

/* Refuses requests that a web page had a browser send, with the message; else NULL. The strings are
 * the request's, origin's p NULL where there is none. */
const char *access_check_page(const struct settings *settings, struct str host, struct str origin,
                              bool is_change);

#endif
