/* `spanbench gate`, `table` and `plot`: hand over to the program in scripts/ that judges or shows
 * what this driver measures. */
#ifndef SPANBENCH_EXEC_SCRIPT_H
#define SPANBENCH_EXEC_SCRIPT_H

/* Replaces this process by the program of one of options_scripts with these words (a list that ends
 * in NULL); the gate gets this program as its driver. Returns the exit code if it cannot; standard
 * error says why. */
int script_exec(const char *command, char **words);

#endif
