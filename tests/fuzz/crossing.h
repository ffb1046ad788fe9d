/* Messages through exchange/request and client/respond_head, and back through http/http1: what weir writes must be read again as what it was told to write. */
#ifndef WEIR_TESTS_FUZZ_CROSSING_H
#define WEIR_TESTS_FUZZ_CROSSING_H

#include <stdint.h>

#include "tests/fuzz/transcript.h"

/* Limits as tight as inputs are short. */
extern const struct head_limits crossing_limits;

/* Forwards a request that was read, as an exchange would, then the result once more, as a second weir behind the first would. seed
 * chooses the settings. */
void crossing_request(const struct transcript_message *message, uint64_t seed);

/* The same for a response. */
void crossing_response(const struct transcript_message *message, uint64_t seed);

#endif
