/* What is a character in UTF-8. */
#include "base/utf8.h"

#include <stdint.h>

/* RFC 3629 section 4. */
size_t utf8_length(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        size_t length;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last)
            continue;
        if (n < rows[i].length || s[1] < rows[i].second_min || s[1] > rows[i].second_max)
            return 0;
        for (size_t k = 2; k < rows[i].length; k++)
            if (s[k] < 0x80 || s[k] > 0xbf)
                return 0;
        return rows[i].length;
    }
    return 0;
}

bool utf8_is_valid(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    for (size_t i = 0; i < s.n;) {
        uint64_t eight;
        size_t length = 1;

        if (i + sizeof(eight) <= s.n) {
            memcpy(&eight, p + i, sizeof(eight));
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        if (p[i] >= 0x80)
            length = utf8_length(p + i, s.n - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}
