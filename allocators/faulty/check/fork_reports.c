/* Takes its lock ahead of a fork, and then asks the C library for this and that. Others wait for
 * memory with the C library's locks in hand.
 * caught-by: check
 *   fork.stdio fork.loader fork.locale fork.resolver fork.early_library fork.inside_libraries
 *     at give_up "nothing woke it" */
#include "replaced.h"

#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void enter(void) {
    pthread_mutex_lock(&lock);
}

void leave(void) {
    pthread_mutex_unlock(&lock);
}

static int visit(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)info;
    (void)size;
    (void)arg;
    return 0;
}

static void report(void) {
    const time_t now = 0;
    struct tm t;
    pthread_mutex_lock(&lock);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* all come to wait for it */
    dl_iterate_phdr(visit, NULL);
    tzset();
    localtime_r(&now, &t);
    getservbyname("domain", "udp");
}

static void begin_anew(void) {
    lock = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
}

__attribute__((constructor)) static void construct(void) {
    pthread_atfork(report, leave, begin_anew);
}

FAULTY_FAMILY();
