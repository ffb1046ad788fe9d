/* Responses, one or several behind each other, to GET or to HEAD: read in pieces, held against a
 * second reading, and forwarded. The last one may end with the connection. */
#include "tests/fuzz/crossing.h"
#include "tests/fuzz/fuzz.h"

static void on_message(void *context, const struct transcript_message *message)
{
    const uint64_t *seed = context;

    if (message->head)
        crossing_response(message, *seed & ~(UINT64_C(1) << 63));
}

int fuzz_response(const uint8_t *data, size_t n)
{
    uint64_t seed = fuzz_hash(data, n);
    struct transcript how = {.is_response = true,
                             .is_to_head = seed % 8 == 0,
                             .limits = &crossing_limits,
                             .on_message = on_message,
                             .context = &seed};

    http1_global_init();
    transcript_compare(&how, (const char *)data, n, seed);
    return 0;
}
