/* Real numbers that are nearly the same; cmocka has that for floats alone in Debian 12. */
#ifndef WEIR_TESTS_UNIT_NEAR_H
#define WEIR_TESTS_UNIT_NEAR_H

#include <math.h>

#define assert_near(got, wanted, by)                                                               \
    do {                                                                                           \
        double got_ = (got), wanted_ = (wanted);                                                   \
        if (!(fabs(got_ - wanted_) <= (by)))                                                       \
            fail_msg("%s is %.17g, not %.17g", #got, got_, wanted_);                               \
    } while (0)

#endif
