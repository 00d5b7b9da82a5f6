/* `spanbench why`: what is the memory of a program: a leak, fragmentation, or kept by its
 * allocator?
 */
#ifndef SPANBENCH_WHY_H
#define SPANBENCH_WHY_H

/* argv[0] is "why", its options follow. Returns the exit code. */
int why_command(int argc, char **argv);

#endif
