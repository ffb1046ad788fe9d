/* Frames of event streams, byte for byte as botocore reads them. */
#include "proxy/http/eventstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"

static void expect(enum eventstream_event event, const char *payload, const char *hex)
{
    char frame[512], behind[EVENTSTREAM_BEHIND], text[1024] = "";
    char *end = eventstream_frame(frame, event, str_of(payload), behind);

    assert_true(end - frame <= EVENTSTREAM_BEFORE_MAX);
    end = text_str(end, str_of(payload));
    end = text_str(end, (struct str){behind, EVENTSTREAM_BEHIND});
    for (char *p = frame; p < end; p++)
        snprintf(text + 2 * (p - frame), 3, "%02x", (unsigned char)*p);
    assert_string_equal(text, hex);
}

static void frames_are_byte_for_byte(void **state)
{
    (void)state;
    expect(
        EVENTSTREAM_CHUNK, "hello ",
        "000000700000005a174e874c0b3a6576656e742d7479706507000c5061796c6f61644368756e6b0d3a636f6e"
        "74656e742d747970650700186170706c69636174696f6e2f6f637465742d73747265616d0d3a6d6573736167"
        "652d747970650700056576656e7468656c6c6f206d711b04");
    expect(
        EVENTSTREAM_COMPLETE, "{}",
        "00000066000000541f56c8690b3a6576656e742d7479706507000e496e766f6b65436f6d706c6574650d3a63"
        "6f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065"
        "0700056576656e747b7d7006d467");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_byte_for_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
