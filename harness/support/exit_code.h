/* The exit codes of the driver. A signal that interrupted it comes before all others. */
#ifndef SPANBENCH_EXIT_CODE_H
#define SPANBENCH_EXIT_CODE_H

enum exit_code {
    EXIT_GOOD    = 0,
    EXIT_FINDING = 1, /* a sample failed; a check, a misuse or an allocator is not as it must be */
    EXIT_WRONG_USE = 2,  /* or an environment in which not all can be done that was asked for */
    EXIT_SIGNALLED = 128 /* and the number of the signal */
};

#endif
