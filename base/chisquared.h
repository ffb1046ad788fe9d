/* The tail of the chi-squared law. Pure; errors of about 1e-9 of the result. */
#ifndef WEIR_BASE_CHISQUARED_H
#define WEIR_BASE_CHISQUARED_H

/* P(X >= x) of a chi-squared X with this many degrees of freedom, which is more than 0. */
double chisquared_tail(double x, double freedom);

#endif
