/* `spanbench who`: which object serves malloc in a process and in its children. */
#ifndef SPANBENCH_WHO_H
#define SPANBENCH_WHO_H

/* argv[0] is "who", its options follow. Returns the exit code. */
int who_command(int argc, char **argv);

#endif
