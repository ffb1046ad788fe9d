/* Function URLs, and routes that say more than where a request goes (struct url_terms): who may
 * ask, requests as events, CORS.
 *
 *     furl_begin     the request is to be gathered; a signature is looked at as soon as its head
 *     furl_body      the body's pieces, which the signature is of
 *     furl_end       the body is complete: whose signature is it?
 *     furl_run       a version is known: the request becomes an event, if the version's kind has no
 *                    HTTP; CORS is decided
 *
 * What the function answers goes through urlanswer.h. Belongs to one exchange; worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_FURL_H
#define WEIR_PROXY_EXCHANGE_FURL_H

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/pick.h"

struct eventreader;
struct sigv4;

enum furl_stage {
    FURL_WHOLE,   /* the answer is gathered */
    FURL_PRELUDE, /* it is streamed, and its prelude has not come whole */
    FURL_BODY     /* its head has been passed on */
};

struct furl {
    struct sigv4 *sigv4;               /* NULL: no signature is asked for, or it has been decided */
    const struct credentials_key *key; /* whose signature it is; the tuning's */
    char request_id[ID_LENGTH];
    bool is_event; /* the answer is a function's, to be read */
    bool is_streamed, is_head;
    bool is_gateway; /* a stage's route: failures are told as API Gateway tells them */
    bool is_cut;     /* what still comes of a streamed answer is not for the client */
    bool is_typed;   /* a streamed answer says that it has a prelude; else its bytes tell */
    uint8_t stage;   /* enum furl_stage */
    struct eventreader *reader; /* the answer is an event stream; NULL: it is not */
    bool is_complete;           /* that stream's last frame has come */
};

/* 0, or -1 with the refusal in *choice. */
int furl_begin(struct exchange *ex, const struct head *head, struct choice *choice)
    __attribute__((warn_unused_result));
void furl_body(struct exchange *ex, struct str span);
int furl_end(struct exchange *ex, struct choice *choice) __attribute__((warn_unused_result));

/* Fills in what choice->request needs, and may drop the head's fields. 0, or -1 with the
 * refusal. */
int furl_run(struct exchange *ex, struct head *head, struct choice *choice)
    __attribute__((warn_unused_result));

/* The answer to a preflight: choice->is_preflight. The exchange has to be ended. */
void furl_answer_preflight(struct exchange *ex, const struct head *head,
                           const struct choice *choice);

/* Clears the pointer, which may be NULL. */
void furl_free(struct furl **furl);

#endif
