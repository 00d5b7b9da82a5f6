/* A process lives as long as one of its threads does. Once its first one has ended (pthread_exit in
 * main), /proc says under the process's number that it has no memory, no mappings and no program.
 * It still says them under the numbers of the others. */
#ifndef SPANBENCH_LIVING_H
#define SPANBENCH_LIVING_H

#include <stdbool.h>
#include <sys/types.h>

/* The number by which /proc knows the memory of a process: its own, or else that of a thread that
 * has it. 0: nobody has it (any more), or this user may not see the process. The thread may end
 * right afterwards, and others live on: who then finds nothing asks again. */
pid_t living_thread(pid_t process);

/* Has the thread memory? The number of a process is that of its first thread. */
bool living_has_memory(pid_t thread);

#endif
