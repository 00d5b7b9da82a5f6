/* Whatever kills the driver, nothing that it started lives on.
 *
 * The kernel can kill a child with its parent, but not what the child started. So the driver's work
 * is done in a process of its own, below two others that only wait:
 *
 *   front    the process that the caller started, and sees. It hands on signals and the exit code.
 *            When the guard is dead, it waits a while for the worker's end, and kills what is left.
 *   guard    in a process group of its own, so that a signal to the driver's group spares it. It is
 *            the subreaper: when the worker is dead, it gets and kills what the worker has left.
 *            When the front is dead, it asks the worker to end, as Ctrl-C does.
 *   worker   the only one that returns from guard_enter. When the guard is dead, it ends likewise.
 */
#ifndef SPANBENCH_GUARD_H
#define SPANBENCH_GUARD_H

/* Returns in the worker. Call it right after spawn_prepare, with one thread, and nothing unwritten
 * in stdio. If there is no process to be had, it says so, and returns in the only one, which works
 * but is not guarded. */
void guard_enter(void);

#endif
