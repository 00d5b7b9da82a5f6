#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* stdio remembers that something was lost, but not why, and calls since then may have changed
 * errno: another byte is refused for the same reason. */
int output_error(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (!errno) {
        clearerr(stdout);
        if (putchar('\n') != EOF && fflush(stdout) == 0)
            errno = EIO;
    }
    return errno;
}

const char *output_describe(int error) {
    return error == EPIPE || error == EBADF ? "standard output is closed" : strerrordesc_np(error);
}
