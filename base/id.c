/* Request ids: random UUIDs. */
#include "base/id.h"

#include "base/text.h"

void id_write(char *p, uint64_t a, uint64_t b)
{
    a = (a & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    p = text_hex_fixed(p, a >> 32, 8);
    p = text_char(p, '-');
    p = text_hex_fixed(p, a >> 16, 4);
    p = text_char(p, '-');
    p = text_hex_fixed(p, a, 4);
    p = text_char(p, '-');
    p = text_hex_fixed(p, b >> 48, 4);
    p = text_char(p, '-');
    text_hex_fixed(p, b, 12);
}

void id_make(struct prng *rng, char id[ID_LENGTH])
{
    uint64_t a = prng_next(rng);

    id_write(id, a, prng_next(rng));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool id_is_uuid(struct str s)
{
    if (s.n != ID_LENGTH)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = str_lower(s.p[i]);
        if (is_dash ? c != '-' : !is_hex(c))
            return false;
    }
    return true;
}
