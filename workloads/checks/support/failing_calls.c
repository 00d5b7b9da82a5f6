#include "failing_calls.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Shared with the supervisor. Relaxed: a caught call waits in the kernel until the supervisor has
 * answered, which orders all that comes before and after it. */
static struct shared { atomic_uint calls, fail_first, fail_end; } * shared;

/* The kernel of another day may have longer structures than those of this day's header. */
enum { ROOM = 512 };
union notification {
    struct seccomp_notif call;
    char room[ROOM];
};
union answer {
    struct seccomp_notif_resp how;
    char room[ROOM];
};

/* Sends or receives one descriptor over a socket. Returns the one received, or -1. */
static int pass(int socket, int descriptor) {
    char byte = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control            = {.room = ""};
    struct iovec data    = {&byte, 1};
    struct msghdr m      = {.msg_iov        = &data,
                            .msg_iovlen     = 1,
                            .msg_control    = control.room,
                            .msg_controllen = sizeof control.room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    if (descriptor < 0) {
        if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) != 1 || !(head = CMSG_FIRSTHDR(&m)))
            return -1;
        memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
        return descriptor;
    }
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type  = SCM_RIGHTS;
    head->cmsg_len   = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
    return sendmsg(socket, &m, MSG_NOSIGNAL) == 1 ? descriptor : -1;
}

/* Answers call after call. `end_of_data` is where brk stands: it tells a failure by returning that,
 * and only the calls seen here change it. */
static _Noreturn void supervise(int listener, uint64_t end_of_data) {
    for (;;) {
        union notification n = {.room = ""};
        union answer a       = {.room = ""};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) != 0) {
            if (errno == EINTR || errno == ENOENT) /* the caller was killed meanwhile */
                continue;
            _exit(0);
        }
        const unsigned nth = atomic_fetch_add_explicit(&shared->calls, 1, memory_order_relaxed);
        const bool brk     = n.call.data.nr == SYS_brk;
        a.how.id           = n.call.id;
        if (nth < atomic_load_explicit(&shared->fail_first, memory_order_relaxed) ||
            nth >= atomic_load_explicit(&shared->fail_end, memory_order_relaxed)) {
            a.how.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
            if (brk && n.call.data.args[0])
                end_of_data = n.call.data.args[0];
        } else if (brk) {
            a.how.val = (int64_t)end_of_data;
        } else {
            a.how.error = -ENOMEM;
        }
        (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &a);
    }
}

/* Hands the calls of the set to a listener, whose descriptor it returns; -1: it cannot. */
static int listen_to(unsigned set) {
    static const struct {
        unsigned set, number;
    } calls[] = {
        {FAILING_GET, SYS_mmap},    {FAILING_GET, SYS_mremap},   {FAILING_GET, SYS_brk},
        {FAILING_GIVE, SYS_munmap}, {FAILING_GIVE, SYS_madvise}, {FAILING_GIVE, SYS_mprotect},
    };
    enum { CALLS = sizeof calls / sizeof *calls };
    struct sock_filter filter[1 + 2 * CALLS + 1];
    unsigned short length = 0;
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++)
        if (calls[i].set & set) {
            filter[length++] =
                (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
            filter[length++] =
                (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

bool failing_calls_install(unsigned set) {
    const pid_t self           = getpid();
    const uint64_t end_of_data = (uint64_t)syscall(SYS_brk, 0);
    int ends[2];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    const pid_t supervisor = fork(); /* before the filter: its own calls are not caught */
    if (supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        const int listener = getppid() == self ? pass(ends[1], -1) : -1;
        if (listener >= 0)
            supervise(listener, end_of_data);
        _exit(1);
    }
    const int listener = supervisor > 0 ? listen_to(set) : -1;
    /* a listener that is kept open here would let calls wait for ever if the supervisor died */
    const bool good = listener >= 0 && pass(ends[0], listener) == listener;
    if (listener >= 0)
        close(listener);
    close(ends[0]);
    close(ends[1]);
    return good;
}

void failing_calls_choose(unsigned first, unsigned count) {
    atomic_store_explicit(&shared->fail_end, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->calls, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->fail_first, first, memory_order_relaxed);
    atomic_store_explicit(&shared->fail_end, first + count, memory_order_relaxed);
}

unsigned failing_calls_count(void) {
    return atomic_load_explicit(&shared->calls, memory_order_relaxed);
}
