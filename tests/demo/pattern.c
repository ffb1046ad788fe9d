/* The block is letters and digits drawn by a linear congruential generator (Knuth's MMIX
 * constants), twice in a row, so that any period's worth of bytes is one contiguous run. */
#include "pattern.h"

#include <string.h>

static char block[2 * PATTERN_PERIOD];
static uint32_t crc_table[256];

static void init_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        crc_table[i] = c;
    }
}

void pattern_init(void)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    uint64_t x = 1;

    for (size_t i = 0; i < PATTERN_PERIOD; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        block[i] = letters[x >> 58];
    }
    memcpy(block + PATTERN_PERIOD, block, PATTERN_PERIOD);
    init_crc_table();
}

void pattern_fill(char *out, size_t n, uint64_t offset)
{
    while (n > 0) {
        size_t piece = n < PATTERN_PERIOD ? n : PATTERN_PERIOD;

        memcpy(out, block + offset % PATTERN_PERIOD, piece);
        out += piece;
        offset += piece;
        n -= piece;
    }
}

bool pattern_matches(const char *p, size_t n, uint64_t offset)
{
    while (n > 0) {
        size_t piece = n < PATTERN_PERIOD ? n : PATTERN_PERIOD;

        if (memcmp(p, block + offset % PATTERN_PERIOD, piece) != 0)
            return false;
        p += piece;
        offset += piece;
        n -= piece;
    }
    return true;
}

uint32_t pattern_crc32(uint32_t crc, const char *p, size_t n)
{
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = crc_table[(crc ^ (unsigned char)p[i]) & 255] ^ (crc >> 8);
    return ~crc;
}
