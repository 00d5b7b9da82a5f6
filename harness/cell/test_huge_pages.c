/* Huge pages of this process, by what the kernel gives and by what it says. Each step is taken in a
 * child, for what was taken away does not come back. */
#include "huge_pages.h"
#include "tap.h"
#include "usage.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HUGE = 2 << 20, ROOM = 8 * HUGE };

/* Bytes of huge pages after one huge page's worth of advised, or plain, memory was written. */
static uint64_t got(bool advised) {
    unsigned char *room =
        mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        exit(99);
    if (advised)
        madvise(room, ROOM, MADV_HUGEPAGE);
    memset(room + (-(uintptr_t)room & (HUGE - 1)), 1, HUGE);
    const uint64_t huge = memory_now().huge;
    munmap(room, ROOM);
    return huge;
}

enum { WAS_SET = 1, SAYS_SO = 2, HAS_ADVISED = 4, HAS_PLAIN = 8, HAS_REASON = 16 };

/* What holds in a child that set it, as a set of the above. */
static int in_child(enum huge_pages mode) {
    int status        = -1;
    const pid_t child = fork();
    if (child == 0) {
        char problem[200] = "";
        int is            = huge_pages_set(mode, problem, sizeof problem) ? WAS_SET : 0;
        is |= huge_pages_now() == mode ? SAYS_SO : 0;
        is |= got(true) ? HAS_ADVISED : 0;
        is |= got(false) ? HAS_PLAIN : 0;
        is |= strlen(problem) > 20 ? HAS_REASON : 0;
        _exit(is);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void) {
    for (unsigned i = 0; i <= HUGE_PAGES_UNKNOWN; i++)
        OK(huge_pages_of(huge_pages_name((enum huge_pages)i)) == (enum huge_pages)i, "names");
    OK(huge_pages_of("some") == HUGE_PAGES_UNKNOWN, "another word is unknown");

    const enum huge_pages here = huge_pages_now();
    printf("# huge pages here: %s\n", huge_pages_name(here));
    if (here == HUGE_PAGES_UNKNOWN) {
        printf("# the kernel has no transparent huge pages: the rest is left out\n");
        return tap_done();
    }
    IS(in_child(here) & (WAS_SET | SAYS_SO), WAS_SET | SAYS_SO, "what holds can be set");
    IS(in_child(HUGE_PAGES_NEVER), WAS_SET | SAYS_SO, "never: nobody gets one, asked for or not");
    const int madvised = in_child(HUGE_PAGES_MADVISE);
    OK(!(madvised & HAS_PLAIN) || !(madvised & WAS_SET), "madvise: only who asks gets one");
    const int always = in_child(HUGE_PAGES_ALWAYS);
    IS(always & WAS_SET, here == HUGE_PAGES_ALWAYS ? WAS_SET : 0,
       "always: only on a machine that says so");
    OK(always & (WAS_SET | HAS_REASON), "or there is a reason");
    OK(huge_pages_now() == here, "all that was of the children");
    return tap_done();
}
