/* Runs one child process to its end: its record on a pipe, its messages, a time limit, no
 * survivors.
 *
 * The child is exec'd, so nothing of this process's memory is in it. It leads a process group of
 * its own, which is killed as a whole at the end. Descendants that left the group come back to this
 * process, their subreaper, and are killed, too. If this process is killed, the kernel kills the
 * child (not what the child started). Not thread-safe: one child at a time. */
#ifndef SPANBENCH_SPAWN_H
#define SPANBENCH_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    SPAWN_RECORD_FD    = 3, /* the descriptor on which the child finds the pipe for its record */
    SPAWN_RECORD_BYTES = 128 << 10,
    SPAWN_OUTPUT_BYTES = 4 << 10,
};

typedef void spawn_tick(void *arg, pid_t child, double seconds_since_start);

struct spawn_request {
    char *const *argv;   /* argv[0] is the path of the program; no search in PATH */
    const char *preload; /* LD_PRELOAD of the child; NULL: none, whatever this process has */
    const char *const *variables; /* NAME=value, also of its environment; NULL ends them */
    bool thp_never;               /* no transparent huge pages, there and in what it starts */
    double timeout_seconds;       /* 0: no limit */

    /* Called every `tick_seconds` while the child runs; NULL: that of spawn_set_tick. Without any,
     * this process sleeps until the child has something to say. */
    spawn_tick *tick;
    double tick_seconds;

    /* Called once when the child has not ended in time, before it is killed; NULL: never. */
    void (*stuck)(void *arg, pid_t child);
    void *arg;
};

/* Of all requests without a tick of their own, from now on; NULL: none. */
void spawn_set_tick(spawn_tick *, double tick_seconds, void *arg);

struct spawn_result {
    enum spawn_end {
        SPAWN_EXITED,      /* by itself; `code` is its exit code */
        SPAWN_SIGNALED,    /* by a signal, `code` */
        SPAWN_TIMED_OUT,   /* killed here, after the limit */
        SPAWN_INTERRUPTED, /* killed here, after one of the signals of spawn_prepare */
        SPAWN_FAILED,      /* could not be started; `code` is an errno */
    } end;
    int code;
    double begin;       /* when it was forked, in seconds of CLOCK_MONOTONIC */
    double seconds;     /* from then to the end */
    double cpu_seconds; /* user and system time of the child and of what it waited for */

    char record[SPAWN_RECORD_BYTES]; /* what came on SPAWN_RECORD_FD; terminated by a zero byte */
    size_t record_length;
    bool record_overflow;            /* there was more */
    char output[SPAWN_OUTPUT_BYTES]; /* the last of its standard output and error, likewise */
    size_t output_length;
};

/* Prepares this process; call once, before anything else of this file.
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT are blocked but while it waits for a child, so that no
 * interrupt is lost and none comes at another moment. SIGPIPE and SIGXFSZ are ignored: writes
 * report errors. SIGCHLD is as by default, whatever this process inherited: children can be waited
 * for. */
void spawn_prepare(void);

/* The signal that interrupted, or 0. Also notices one that came between two children. */
int spawn_interrupted(void);

/* For who waits by other means than spawn_run: the mask under which those signals come through, as
 * ppoll takes it. */
const sigset_t *spawn_open_mask(void);

/* In a child, before it becomes another program: takes back what spawn_prepare changed. */
void spawn_restore_signals(void);

void spawn_run(const struct spawn_request *, struct spawn_result *);

/* How a child ended, for a person: "killed by SIGSEGV (Segmentation fault): <last line of output>".
 * `text` gets at most `size` bytes with the final zero, of clean text. */
void spawn_describe_end(const struct spawn_result *, double timeout_seconds, char *text,
                        size_t size);

/* The same of a child that did not end in time, and how much processor time it had: did it hang, or
 * was the machine busy with other things? */
void spawn_describe_hang(const struct spawn_result *, double timeout_seconds, char *text,
                         size_t size);

#endif
