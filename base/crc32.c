/* By tables of the checksums of all bytes, four bytes at a time: a byte's checksum when zero to
 * three others follow it. Made before main, when there is one thread. */
#include "base/crc32.h"

static uint32_t tables[4][256];

static __attribute__((constructor)) void make_tables(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        tables[0][n] = c;
    }
    for (int k = 1; k < 4; k++)
        for (int n = 0; n < 256; n++)
            tables[k][n] = tables[k - 1][n] >> 8 ^ tables[0][tables[k - 1][n] & 0xff];
}

uint32_t crc32_add(uint32_t crc, struct str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    uint32_t c = ~crc;

    for (; s.n >= 4; s.n -= 4, p += 4) {
        c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        c = tables[3][c & 0xff] ^ tables[2][c >> 8 & 0xff] ^ tables[1][c >> 16 & 0xff] ^
            tables[0][c >> 24];
    }
    for (; s.n > 0; s.n--, p++)
        c = tables[0][(c ^ *p) & 0xff] ^ c >> 8;
    return ~c;
}
