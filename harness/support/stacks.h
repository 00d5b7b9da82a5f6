/* Where the threads of a process that hangs stand. */
#ifndef SPANBENCH_STACKS_H
#define SPANBENCH_STACKS_H

#include <stddef.h>
#include <sys/types.h>

enum { STACKS_BYTES = 8 << 10 };

/* Asks the program `stacks` beside this one (stacks.sh) for the stacks of the process and of its
 * descendants. These are lines of printable ASCII, at most `size` bytes with the final zero, or a
 * line that says why they are missing. Waits for it for some seconds at most; the process goes on.
 */
void stacks_take(pid_t process, char *text, size_t size);

#endif
