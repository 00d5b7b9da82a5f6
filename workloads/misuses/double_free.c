/* A block is freed twice. */
#include "misuse.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The second free, and life after it. */
static void again(struct misuse_run *m, void *block) {
    if (misuse_now(m, MISUSE_CALL, "free of a block that is free"))
        m->a->free(block);
    misuse_audit(m);
}

MISUSE(double_immediate, .name = "double_free.immediate", .weakness = "CWE-415",
       .summary = "free(p); free(p)") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    again(m, block);
}

MISUSE(double_interleaved, .name = "double_free.interleaved", .weakness = "CWE-415",
       .summary = "free(p); free(q); free(p)") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    misuse_free(m, misuse_block(m));
    again(m, block);
}

MISUSE(double_delayed, .name = "double_free.delayed", .weakness = "CWE-415",
       .summary = "frees, free(p), many frees, free(p)") {
    const size_t others = m->blocks + misuse_random(m, 3 * m->blocks);
    for (size_t i = 0; i < others; i++)
        misuse_make(m, m->size);
    void *block         = misuse_block(m);
    const size_t before = misuse_random(m, m->blocks);
    for (size_t i = 0; i < others; i++) {
        void *other = misuse_block(m);
        if (i == before)
            misuse_free(m, block);
        else if (other != block)
            misuse_free(m, other);
    }
    again(m, block);
}

MISUSE(double_reused, .name = "double_free.reused", .weakness = "CWE-415",
       .summary = "free(p), until malloc gives p to another owner, free(p)") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    misuse_reuse(m, block);
    again(m, block);
}

/* What a thread frees. */
struct errand {
    struct misuse_run *m;
    void *block;
};

static void *free_it(void *arg) {
    const struct errand *e = arg;
    e->m->a->free(e->block);
    return NULL;
}

MISUSE(double_threads, .name = "double_free.threads", .weakness = "CWE-415",
       .summary = "free(p) by another thread, which then ends; free(p)") {
    struct errand e = {m, misuse_block(m)};
    pthread_t thread;
    misuse_forget(m, e.block);
    if (pthread_create(&thread, NULL, free_it, &e) != 0)
        misuse_unsupported(m, "no thread");
    pthread_join(thread, NULL);
    again(m, e.block);
}

MISUSE(double_realloc, .name = "double_free.realloc", .weakness = "CWE-415", .needs = NEEDS_REALLOC,
       .summary = "realloc(p) moves the block; free(p)") {
    void *block = misuse_block(m), *moved = block;
    misuse_forget(m, block);
    size_t size = m->size;
    for (unsigned tries = 0; tries < 6 && moved == block; tries++) {
        size  = 2 * size + misuse_random(m, 4096);
        moved = m->a->realloc(moved, size);
    }
    if (moved == block)
        misuse_unsupported(m, "realloc did not move the block, up to %zu bytes", size);
    misuse_take(m, moved, size, "realloc");
    again(m, block);
}

MISUSE(double_child, .name = "double_free.child", .weakness = "CWE-415",
       .summary = "free(p), fork, free(p) in the child") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    const pid_t child = fork();
    if (child == 0)
        again(m, block);
    if (child <= 0)
        return;
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        continue;
    if (WIFSIGNALED(status)) { /* die as it did: the end of this process is looked at */
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    _exit(WEXITSTATUS(status)); /* it has told how it went */
}
