#include "stack.h"

#include "count.h"
#include "next.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* The C library reads a file to learn where the first thread's stack is. The kernel names it. */
struct stack stack_find(void) {
    pthread_attr_t attributes;
    void *start = NULL;
    size_t size = 0;
    if (!next.getattr || gettid() == getpid() || next.getattr(pthread_self(), &attributes) != 0)
        return (struct stack){0};
    const bool known = pthread_attr_getstack(&attributes, &start, &size) == 0;
    pthread_attr_destroy(&attributes);
    return known ? (struct stack){(uintptr_t)start, (uintptr_t)start + size} : (struct stack){0};
}

/* The C library's asks for memory while it holds a lock of the thread. For the first block of a
 * thread, the counter would want that lock once more. So the thread is known before. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's are __a
PUBLIC int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
    if (next_ready())
        count_thread();
    return next.getattr ? next.getattr(thread, attributes) : ENOSYS;
}
