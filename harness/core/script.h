/* The scripts of this project, which belong to the driver: found, and run. */
#ifndef SPANBENCH_SCRIPT_H
#define SPANBENCH_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* Debian's, which its packages of scipy and statsmodels are for. Its options -E -s: whatever
 * PYTHONPATH and the user's own folder have. */
#define SCRIPT_PYTHON "/usr/bin/python3"

/* Writes the path of a script, as "scripts/gate/__main__.py": in the folder of this program or the
 * nearest above it that has it. False: standard error says that none has. */
bool script_find(const char *name, char *path, size_t size);

/* Runs it with these words, a list that ends in NULL, and waits. `quietly`: its output goes
 * nowhere, unless it fails. Returns its exit code, 128 + signal, or -1: it could not be started,
 * and standard error says why. */
int script_run(const char *path, const char *const *words, bool quietly);

#endif
