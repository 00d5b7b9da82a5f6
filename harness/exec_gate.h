/* `spanbench gate`: hands over to the program of the gate, scripts/gate, which judges what this
 * driver measures. */
#ifndef SPANBENCH_EXEC_GATE_H
#define SPANBENCH_EXEC_GATE_H

/* Replaces this process by the gate with these words (a list that ends in NULL), and with this
 * program as its driver. Returns the exit code if it cannot; standard error says why. */
int gate_exec(char **words);

#endif
