/* A process lives as long as one of its threads does. Once its first one has ended (pthread_exit in
 * main), /proc says under its number that it has no memory, no mappings and no program. It still
 * says them under the numbers of the others. */
#ifndef SPANBENCH_LIVING_H
#define SPANBENCH_LIVING_H

#include <sys/types.h>

/* The number by which /proc knows the memory of a process: its own, or else that of a thread that
 * has it. 0: it has ended, or is the kernel's. Any user may ask; it may end meanwhile. */
pid_t living_thread(pid_t process);

#endif
