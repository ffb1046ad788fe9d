/* Percent weights without rounding.
 *
 * A JSON reader gives 33.3333333 as a double, which is not that number. But it is the double
 * nearest to that number and to no other one of seven places (doubles below 100 are closer than
 * 2e-14 to each other, such numbers 1e-7 apart), and dividing the integer 333333333 by the integer
 * 1e7 gives the nearest double again, because both are exact and division rounds correctly (IEEE
 * 754). So equality decides whether a double was written with seven places. */
#include "conf/weight.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 7, EXPONENT_MAX = 10000 };

static const double scale = WEIGHT_PERCENT; /* 10 to the PLACES */

/* A number as it is read: digits times 10 to the zeros, and then to an exponent. */
struct number {
    uint64_t digits;
    long zeros;    /* after the last digit that is none */
    bool is_large; /* more digits than any weight has */
};

static void add_digit(struct number *number, unsigned digit)
{
    if (digit == 0) {
        number->zeros += number->digits > 0;
        return;
    }
    for (number->zeros++; number->zeros > 0 && !number->is_large; number->zeros--) {
        number->digits *= 10;
        number->is_large = number->digits > (uint64_t)WEIGHT_ONE * 10;
    }
    number->digits += digit;
}

/* Returns the end of the digits; *nr is how many there were. */
static const char *read_digits(const char *p, struct number *number, long *nr)
{
    const char *begin = p;

    for (; isdigit((unsigned char)*p); p++)
        add_digit(number, (unsigned)(*p - '0'));
    *nr = p - begin;
    return p;
}

/* "e-7" or nothing. NULL where it is malformed. */
static const char *read_exponent(const char *p, long *exponent)
{
    bool is_negative;

    *exponent = 0;
    if (*p != 'e' && *p != 'E')
        return p;
    p++;
    is_negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (!isdigit((unsigned char)*p))
        return NULL;
    for (; isdigit((unsigned char)*p); p++)
        if (*exponent < EXPONENT_MAX)
            *exponent = *exponent * 10 + (*p - '0');
    if (is_negative)
        *exponent = -*exponent;
    return p;
}

int64_t weight_parse(const char *text)
{
    struct number number = {0};
    long nr_whole, nr_places = 0, exponent;
    const char *p = read_digits(text, &number, &nr_whole);

    if (nr_whole == 0 || (nr_whole > 1 && text[0] == '0')) /* RFC 8259 section 6 */
        return -1;
    if (*p == '.') {
        p = read_digits(p + 1, &number, &nr_places);
        if (nr_places == 0)
            return -1;
    }
    p = read_exponent(p, &exponent);
    if (!p || *p)
        return -1;
    if (number.digits == 0)
        return 0;
    exponent += number.zeros - nr_places + PLACES;
    if (number.is_large || exponent < 0)
        return -1;
    for (; exponent > 0 && number.digits <= WEIGHT_ONE; exponent--)
        number.digits *= 10;
    return number.digits <= WEIGHT_ONE ? (int64_t)number.digits : -1;
}

int64_t weight_of_double(double percent)
{
    int64_t billionths;

    if (!(percent >= 0 && percent <= 100))
        return -1;
    billionths = (int64_t)(percent * scale + 0.5);
    return (double)billionths / scale == percent ? billionths : -1;
}

struct weight_text weight_text(int64_t billionths)
{
    struct weight_text text;
    uint64_t size = billionths < 0 ? -(uint64_t)billionths : (uint64_t)billionths;
    int n = snprintf(text.s, sizeof(text.s), "%s%" PRIu64 ".%07" PRIu64, billionths < 0 ? "-" : "",
                     size / WEIGHT_PERCENT, size % WEIGHT_PERCENT);

    while (n > 0 && text.s[n - 1] == '0')
        n--;
    if (n > 0 && text.s[n - 1] == '.')
        n--;
    text.s[n] = '\0';
    return text;
}
