/* System calls without the C library. A library under test may define clock_gettime, write, and
 * even syscall: what a cell measures and says must not go through these. */
#ifndef SPANBENCH_KERNEL_H
#define SPANBENCH_KERNEL_H

#include <sys/syscall.h>
#include <unistd.h>

/* The result, or minus an errno (syscalls(2)). It leaves errno as it is. Four arguments are enough
 * here. */
static inline long kernel_call(long number, long a, long b, long c, long d) {
#if defined __x86_64__
    register long fourth __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
#error "say here how a system call is made on this processor"
#endif
}

#endif
