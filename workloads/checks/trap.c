#include "trap.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if defined(__x86_64__) || defined(__aarch64__)

/* The one place whose system calls the filter lets pass: it knows it by the address behind the
 * instruction. */
long trap_call(long number, long a, long b, long c, long d, long e, long f);
extern const char trap_call_return[];

#if defined(__x86_64__)
enum { ARCHITECTURE = AUDIT_ARCH_X86_64 };
__asm__(".text\n"
        ".globl trap_call, trap_call_return\n"
        ".hidden trap_call, trap_call_return\n"
        ".type trap_call, @function\n"
        "trap_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %rdi\n"
        "  mov %rdx, %rsi\n"
        "  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n"
        "  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n"
        "  syscall\n"
        "trap_call_return:\n"
        "  ret\n"
        ".size trap_call, . - trap_call\n");
#define ARGUMENT(context, n) ((context)->uc_mcontext.gregs[register_of[n]])
#define RESULT(context)      ((context)->uc_mcontext.gregs[REG_RAX])
static const int register_of[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
#else
enum { ARCHITECTURE = AUDIT_ARCH_AARCH64 };
__asm__(".text\n"
        ".globl trap_call, trap_call_return\n"
        ".hidden trap_call, trap_call_return\n"
        ".type trap_call, @function\n"
        "trap_call:\n"
        "  mov x8, x0\n"
        "  mov x0, x1\n"
        "  mov x1, x2\n"
        "  mov x2, x3\n"
        "  mov x3, x4\n"
        "  mov x4, x5\n"
        "  mov x5, x6\n"
        "  svc #0\n"
        "trap_call_return:\n"
        "  ret\n"
        ".size trap_call, . - trap_call\n");
#define ARGUMENT(context, n) ((long)(context)->uc_mcontext.regs[n])
#define RESULT(context)      ((context)->uc_mcontext.regs[0])
#endif

/* Relaxed: a handler runs in the thread that made the call, and counts need no order. */
static atomic_uint calls, fail_first, fail_end;

static void on_call(int number, siginfo_t *info, void *context) {
    ucontext_t *c    = context;
    const unsigned n = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    (void)number;
    if (n >= atomic_load_explicit(&fail_first, memory_order_relaxed) &&
        n < atomic_load_explicit(&fail_end, memory_order_relaxed)) {
        /* brk tells a failure by returning the old end, which it does for an address of 0 */
        RESULT(c) = info->si_syscall == SYS_brk ? trap_call(SYS_brk, 0, 0, 0, 0, 0, 0) : -ENOMEM;
        return;
    }
    RESULT(c) = trap_call(info->si_syscall, ARGUMENT(c, 0), ARGUMENT(c, 1), ARGUMENT(c, 2),
                          ARGUMENT(c, 3), ARGUMENT(c, 4), ARGUMENT(c, 5));
}

bool trap_install(enum trap_set set) {
    const uint64_t at       = (uintptr_t)trap_call_return;
    const uint32_t wanted[] = {set == TRAP_GET ? SYS_mmap : SYS_munmap,
                               set == TRAP_GET ? SYS_mremap : SYS_madvise,
                               set == TRAP_GET ? SYS_brk : SYS_mprotect};
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field)                                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define JUMP(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
    struct sock_filter filter[] = {
        LOAD(arch),
        JUMP(ARCHITECTURE, 0, 8),
        LOAD(nr),
        JUMP(wanted[0], 2, 0),
        JUMP(wanted[1], 1, 0),
        JUMP(wanted[2], 0, 5 - 1),
        LOAD(instruction_pointer),
        JUMP((uint32_t)at, 0, 3),
        LOAD_HIGH(instruction_pointer),
        JUMP((uint32_t)(at >> 32), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    atomic_store_explicit(&fail_end, 0, memory_order_relaxed);
    sigaction(SIGSYS,
              &(struct sigaction){.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER},
              NULL);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void trap_fail(unsigned first, unsigned count) {
    atomic_store_explicit(&fail_end, 0, memory_order_relaxed);
    atomic_store_explicit(&calls, 0, memory_order_relaxed);
    atomic_store_explicit(&fail_first, first, memory_order_relaxed);
    atomic_store_explicit(&fail_end, first + count, memory_order_relaxed);
}

unsigned trap_calls(void) {
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

#else

bool trap_install(enum trap_set set) {
    (void)set;
    return false;
}

void trap_fail(unsigned first, unsigned count) {
    (void)first;
    (void)count;
}

unsigned trap_calls(void) {
    return 0;
}

#endif
