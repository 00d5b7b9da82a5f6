/* `spanbench try`: a program of the user's under each allocator. */
#ifndef SPANBENCH_TRY_H
#define SPANBENCH_TRY_H

/* Carries out the words of the command line, of which argv[0] is `try`. Returns the exit code
 * (exit_code.h), but not that of a signal. */
int try_command(int argc, char **argv);

#endif
