/* What base/decimal.h does not do inline: its tables, and long numbers. */
#include "base/decimal.h"

const char decimal_pairs[201] = "00010203040506070809"
                                "10111213141516171819"
                                "20212223242526272829"
                                "30313233343536373839"
                                "40414243444546474849"
                                "50515253545556575859"
                                "60616263646566676869"
                                "70717273747576777879"
                                "80818283848586878889"
                                "90919293949596979899";

/* decimal_powers[d] is the smallest number of d + 1 digits. */
const uint64_t decimal_powers[20] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
    10000000000000000000u,
};

/* From the end, two digits at a time. */
char *decimal_put_long(char *p, uint64_t n)
{
    char *end = p + decimal_digits(n);
    char *q = end;

    for (; n >= 100; n /= 100)
        decimal_put_pair(q -= 2, (uint32_t)(n % 100));
    if (n >= 10)
        decimal_put_pair(p, (uint32_t)n);
    else
        *p = (char)('0' + n);
    return end;
}
