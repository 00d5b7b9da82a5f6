#include "look.h"

#include "descendants.h"
#include "living.h"
#include "locate.h"
#include "memory.h"
#include "serving.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 20, FEW = 8 /* threads at whose ends a process is looked at again */ };

struct looking {
    const struct measure_request *request;
    const char *library;
    struct look *look;
    struct started started;
    struct drain out, err;
    pid_t executed[4 * LOOK_PROCESSES]; /* processes that executed a program */
    size_t executions;
    bool ended;
    bool killing; /* what ends now is not looked at */
};

/* A number of /proc/PID/status, whose line begins with `key`; 0: it is not there. */
static int status_of(pid_t thread, const char *key) {
    char path[64], line[128];
    int number = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) {
            number = atoi(line + strlen(key));
            break;
        }
    if (f)
        fclose(f);
    return number;
}

/* What is known of a process and its present program; NULL: nothing. */
static struct look_process *known(struct look *l, pid_t pid) {
    for (size_t i = 0; i < l->processes; i++)
        if (l->process[i].pid == pid && !l->process[i].replaced)
            return &l->process[i];
    return NULL;
}

static struct look_process *place_of(struct look *l, pid_t pid) {
    struct look_process *p = known(l, pid);
    if (p)
        return p;
    if (l->processes == LOOK_PROCESSES) {
        l->more++;
        return NULL;
    }
    p  = &l->process[l->processes++];
    *p = (struct look_process){.pid = pid, .order = l->processes, .high_water = -1, .shared = -1};
    return p;
}

static void read_names(struct look_process *p, pid_t thread) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)thread);
    const ssize_t length = readlink(path, p->exe, sizeof p->exe - 1);
    if (length >= 0)
        p->exe[length] = '\0';
    snprintf(path, sizeof path, "/proc/%d/comm", (int)p->pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(p->comm, sizeof p->comm, f))
        p->comm[strcspn(p->comm, "\n")] = '\0';
    if (f)
        fclose(f);
    text_clean(p->exe);
    text_clean(p->comm);
}

/* A file that a process maps as code is an object of it. */
static void note_file(struct look *look, const char *path) {
    const size_t length = strlen(path) + 1;
    for (size_t at = 0; at < look->files_length; at += strlen(look->files + at) + 1)
        if (strcmp(look->files + at, path) == 0)
            return;
    if (length > sizeof look->files - look->files_length) {
        look->files_lost = true;
        return;
    }
    memcpy(look->files + look->files_length, path, length);
    look->files_length += length;
}

static void note_files(struct look *look, pid_t thread) {
    char path[64], line[PATH_MAX + 128], rights[8];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)thread);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        char *file                = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        if (file && sscanf(line, "%*s %7s", rights) == 1 && strchr(rights, 'x'))
            note_file(look, file);
    }
    if (f)
        fclose(f);
}

/* `thread`: a stopped one of it that has its memory; 0: any that has it. */
static void identify(struct look *look, const char *library, pid_t pid, pid_t thread) {
    static struct serving serving;
    struct memory_counters counters;
    struct memory_walk walk;
    struct look_process *p = place_of(look, pid);
    if (!p)
        return;
    serving_find(pid, &(struct serving_question){.asked = library, .brief = true, .thread = thread},
                 &serving);
    if (serving.state == SERVING_GONE || serving.state == SERVING_STARTING)
        return;
    const pid_t parent = status_of(pid, "PPid:");
    p->parent          = p->parent ? p->parent : parent; /* the first: it may have died since */
    thread             = thread ? thread : living_thread(pid);
    read_names(p, thread);
    note_files(look, thread);
    snprintf(p->object, sizeof p->object, "%s", serving.object);
    p->system         = serving_is_named(&serving, "system");
    const bool served = !library || serving_is(&serving, library);
    const char *why   = served ? "" : serving_finding(&serving);
    /* Who is traced may get no privileges from its file, and then has the library. */
    const char *untraced = look->traced && library && served ? locate_unpreloadable(p->exe) : NULL;
    why                  = untraced ? untraced : why;
    snprintf(p->why, sizeof p->why, "%s", why ? why : *serving.why ? serving.why : LOOK_NO_MALLOC);
    text_clean(p->object);
    memset(p->inner, 0, sizeof p->inner);
    for (size_t i = 0, inner = 0; i < serving.notes && inner < LOOK_INNER; i++)
        if (serving.note[i].kind == SERVING_INNER)
            snprintf(p->inner[inner++], sizeof p->inner[0], "%s", serving.note[i].text);
    if (memory_count(pid, &counters))
        p->high_water = counters.high_water;
    if (memory_walk(pid, &walk))
        p->shared = walk.rss - walk.pss;
}

void look_identify_all(struct look *look, const char *library) {
    static struct descendant found[WATCH_MOST_PROCESSES];
    const size_t count = descendants_list(found, WATCH_MOST_PROCESSES);
    for (size_t i = 0; i < count; i++)
        identify(look, library, found[i].process, 0);
}

/* Was this process itself executed, since its fork? */
static bool has_executed(const struct looking *l, pid_t process) {
    for (size_t i = 0; i < l->executions; i++)
        if (l->executed[i] == process)
            return true;
    return false;
}

/* It is another program now. What it was has been looked at, if it was more than a copy of its
 * parent. */
static void note_exec(struct looking *l, pid_t process) {
    if (!has_executed(l, process)) {
        if (l->executions < sizeof l->executed / sizeof *l->executed)
            l->executed[l->executions++] = process;
        return;
    }
    for (size_t i = 0; i < l->look->processes; i++)
        if (l->look->process[i].pid == process)
            l->look->process[i].replaced = true;
}

/* The process of a thread that bears its number; or of any once that one has ended, when it was
 * looked at. 0: neither. */
static pid_t process_of(struct look *look, pid_t thread) {
    const pid_t process          = status_of(thread, "Tgid:");
    const struct look_process *p = process ? known(look, process) : NULL;
    return process == thread || (p && *p->exe) ? process : 0;
}

/* A thread ends, or becomes another program. Others than the first may end all at once, and a look
 * takes long: at the end of all but the last few, only counters are read. */
static void leave(struct looking *l, pid_t process, pid_t thread, bool ends) {
    const bool is_of_many  = ends && thread != process && status_of(thread, "Threads:") > FEW;
    struct look_process *p = is_of_many ? known(l->look, process) : NULL;
    struct memory_counters counters;
    if (!is_of_many)
        identify(l->look, l->library, process, thread);
    else if (memory_count(thread, &counters) && counters.high_water > p->high_water)
        p->high_water = counters.high_water;
}

/* What a traced thread stopped for; lets it go on (ptrace(2), "Stopped states"). */
static void resume(struct looking *l, pid_t thread, int status) {
    const int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_EXEC)
        note_exec(l, thread);
    const bool leaves   = event == PTRACE_EVENT_EXIT || event == PTRACE_EVENT_SECCOMP;
    const pid_t process = leaves && !l->killing ? process_of(l->look, thread) : 0;
    if (process && (event == PTRACE_EVENT_EXIT || has_executed(l, process)))
        leave(l, process, thread, event == PTRACE_EVENT_EXIT);
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) /* the whole process is stopped */
        ptrace(PTRACE_LISTEN, thread, NULL, NULL);
    else
        ptrace(PTRACE_CONT, thread, NULL, (long)(event ? 0 : signal));
}

static void take_ends(struct looking *l) {
    int status;
    struct rusage usage;
    for (pid_t p; (p = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0;) {
        if (WIFSTOPPED(status)) {
            resume(l, p, status);
        } else if (p == l->started.child) {
            l->look->run.status = status;
            l->ended            = true;
        }
    }
}

static enum measured_end follow(struct looking *l, int children) {
    static struct descendant found[WATCH_MOST_PROCESSES + 1];
    double next_look = 0;
    while (!l->ended) {
        struct pollfd p[] = {{children, POLLIN, 0}, {l->out.fd, POLLIN, 0}, {l->err.fd, POLLIN, 0}};
        const struct timespec wait = {0, TICK_MS * 1000000L};
        const int ready            = ppoll(p, 3, &wait, spawn_open_mask());
        const double now           = measure_now();
        struct signalfd_siginfo told;
        if (spawn_interrupted())
            return MEASURED_INTERRUPTED;
        while (ready > 0 && p[0].revents && read(children, &told, sizeof told) > 0)
            continue;
        if (ready > 0 && p[1].revents)
            drain_take(&l->out);
        if (ready > 0 && p[2].revents)
            drain_take(&l->err);
        take_ends(l);
        if (now < next_look)
            continue;
        next_look = now + TICK_MS * 1e-3;
        if (!l->look->traced)
            look_identify_all(l->look, l->library);
        if (descendants_list(found, WATCH_MOST_PROCESSES + 1) > WATCH_MOST_PROCESSES)
            return MEASURED_TOO_MANY;
        if (now - l->started.at > l->request->timeout_seconds)
            return MEASURED_TIMED_OUT;
    }
    return MEASURED_ENDED;
}

static enum start_go trace(void *arg, pid_t child) {
    struct looking *l = arg;
    l->look->traced =
        ptrace(PTRACE_SEIZE, child, NULL,
               PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                   PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) == 0;
    l->started.child   = child;
    struct measured *m = &l->look->run;
    *m                 = (struct measured){.number = NAN};
    return l->look->traced ? START_GO_TRACED : START_GO;
}

/* Who is traced stops once more when it is killed, and must be let go. */
static void kill_traced(struct looking *l) {
    static struct descendant found[16 * WATCH_MOST_PROCESSES];
    l->killing = true;
    for (unsigned pass = 0; l->look->traced && pass < 1000; pass++) {
        const size_t count = descendants_list(found, sizeof found / sizeof *found);
        for (size_t i = 0; i < count; i++)
            kill(found[i].process, SIGKILL);
        take_ends(l);
        if (!count)
            return;
        l->look->run.left_behind += pass ? 0 : count;
        usleep(pass ? 1000 : 0);
    }
}

static void finish(struct looking *l) {
    struct measured *m = &l->look->run;
    look_identify_all(l->look, l->library); /* those that live on, and that are killed now */
    kill_traced(l);
    m->left_behind += descendants_end(&m->usage);
    drain_end(&l->out);
    drain_end(&l->err);
    m->out_bytes             = l->out.bytes;
    m->out_hash              = drain_hash(&l->out);
    m->number                = isnan(l->out.value) ? l->err.value : l->out.value;
    const struct drain *last = l->err.tail_length ? &l->err : &l->out;
    memcpy(m->last_words, last->tail, last->tail_length + 1);
}

static int by_age(const void *a, const void *b) {
    const struct look_process *p = a, *q = b;
    if (p->pid != q->pid)
        return p->pid < q->pid ? -1 : 1;
    return p->order < q->order ? -1 : p->order > q->order;
}

/* Those that were gone before they could be looked at. */
static void drop_unknown(struct look *l) {
    size_t kept = 0;
    for (size_t i = 0; i < l->processes; i++)
        if (*l->process[i].exe)
            l->process[kept++] = l->process[i];
    l->processes = kept;
}

/* The program's own first, then by number: mostly in the order in which they began. */
void look_sort(struct look *l, pid_t first) {
    drop_unknown(l);
    qsort(l->process, l->processes, sizeof *l->process, by_age);
    for (size_t i = 0, front = 0; i < l->processes; i++) {
        const struct look_process p = l->process[i];
        if (p.pid != first)
            continue;
        memmove(l->process + front + 1, l->process + front, (i - front) * sizeof *l->process);
        l->process[front++] = p;
    }
}

const struct look_process *look_last_program(const struct look *l) {
    for (size_t i = 0; i < l->processes; i++)
        if (!l->process[i].replaced)
            return &l->process[i];
    return NULL;
}

void look_run(const struct measure_request *request, const char *library, struct look *look) {
    static struct looking l; /* its pipes have buffers */
    sigset_t child, before;
    l     = (struct looking){.request = request, .library = library, .look = look};
    *look = (struct look){.run = {.number = NAN}};
    if (spawn_interrupted()) {
        look->run.end = MEASURED_INTERRUPTED;
        return;
    }
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    const int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children < 0 || !start_program(&request->start, trace, &l, &l.started)) {
        look->run.end   = MEASURED_FAILED;
        look->run.error = children < 0 ? errno : l.started.error;
        look->run.step  = children < 0 ? "signalfd" : l.started.step;
    } else {
        drain_begin(&l.out, l.started.out, request->number);
        drain_begin(&l.err, l.started.err, request->number);
        look->run.end = follow(&l, children);
        finish(&l);
        look_sort(look, l.started.child);
    }
    if (children >= 0)
        close(children);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
