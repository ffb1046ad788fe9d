/* weir splitcheck: measures how exactly an HTTP proxy splits requests over versions, and judges it.
 *
 *     asked.c -> drive.c (link.c, secure.c) -> sample.c -> judge.c (tails.c, bet.c)
 *             -> findings.c (words, JSON), figure.c (SVG)
 *     selftest.c: the same against planted.c, a server with a known fault */
#ifndef WEIR_SPLITCHECK_SPLITCHECK_H
#define WEIR_SPLITCHECK_SPLITCHECK_H

/* Runs the command; argv[0] is its name. The exit status: 0 the split fits, 1 it does not, 2 it
 * could not be measured. Blocks; once per process. */
int splitcheck_main(int argc, char **argv);

#endif
