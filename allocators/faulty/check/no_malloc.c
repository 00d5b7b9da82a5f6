/* malloc has no memory, ever.
 * caught-by: check
 *   alignment.malloc at all_sizes "%s of %zu bytes gave NULL"
 *   alignment.tiny_choice at of_tiny "malloc(%zu) gave NULL"
 *   cancel.no_point at stay "malloc(%zu) gave NULL"
 *   calloc.zeroed_reuse at zeroed_reused "malloc(%zu) gave NULL"
 *   calloc.zeroed_after_realloc at zeroed_shrunk "malloc(%zu) gave NULL"
 *   cross_thread.small cross_thread.large at produce "malloc(%zu) gave NULL"
 *   cross_thread.orphans cross_thread.free_only at bear "malloc(%zu) gave NULL"
 *   cross_thread.happens_before at trade "malloc(%zu) gave NULL"
 *   cross_thread.reuse at keep_and_send "malloc(%zu) gave NULL"
 *   errno.free at free_preserves "malloc(%zu) gave NULL"
 *   errno.realloc errno.reallocarray at live_refused "malloc(%zu) gave NULL"
 *   fork.single fork.nested fork.threads at hold "malloc(%zu) gave NULL"
 *   fork.parent at parent "malloc gave NULL"
 *   history.malloc at ask "%s, gave NULL"
 *   history.realloc history.reallocarray at resized "malloc(%zu) gave NULL"
 *   fork.in_handler at use_one "malloc(%zu) gave NULL"
 *   lifecycle.before_constructors at before "malloc gave NULL before the constructors"
 *   lifecycle.atexit at end_process "malloc(3000) gave NULL"
 *   lifecycle.thread_destructors at set_keys "malloc(200) gave NULL"
 *   lifecycle.small_stack at tight "malloc(%zu) gave NULL"
 *   lifecycle.signals at signals "malloc(%zu) gave NULL"
 *   limits.realloc at grow_at_limit "malloc(%zu) gave NULL"
 *   limits.munmap_fails errno.free_munmap_fails at fail_munmap "malloc(%zu) gave NULL"
 *   memory.reuse_malloc at churn "at first, %s of 64 bytes gave NULL"
 *   memory.addresses at addresses "malloc(%zu) gave NULL after"
 *   memory.returned at returned "malloc(%d) gave NULL"
 *   memory.phases at phases "malloc(%zu) gave NULL"
 *   overflow.realloc at overflow_realloc "malloc(%zu) gave NULL"
 *   overflow.reallocarray at overflow_reallocarray "malloc(%zu) gave NULL"
 *   overlap.tiny overlap.small overlap.large overlap.functions overlap.threads
 *     overlap.functions_posix overlap.threads_posix
 *     at play "%s of %zu bytes gave NULL"
 *   overlap.matrix overlap.matrix_posix overlap.matrix_sized at family "%s of %zu bytes gave NULL"
 *   plugin.constructors at come_and_go "malloc gave NULL in the constructor"
 *   realloc.grow_keeps realloc.shrink_keeps at pairs "malloc(%zu) gave NULL"
 *   realloc.array_keeps at array_keeps "malloc(%zu) gave NULL"
 *   realloc.huge at grow_huge "malloc(%zu) gave NULL"
 *   realloc.in_place at in_place "malloc(%zu) gave NULL"
 *   realloc.gives_back at gives_back "malloc(%zu) gave NULL"
 *   signal.alternate_stack at alternate_stack "malloc gave NULL"
 *   sized_free.malloc at rounds "%s of %zu bytes gave NULL"
 *   sized_free.realloc at sized_realloc "malloc gave NULL"
 *   sized_free.null at rest "after sized frees of NULL, two calls of malloc gave"
 *   thread_end.rounds thread_end.objects at keep "malloc(%d) gave NULL"
 *   usable_size.enough at usable_enough "%s of %zu bytes gave NULL"
 *   usable_size.own at usable_own "malloc(%zu) gave NULL"
 *   zero_size.malloc at hold_empty "malloc(%d) gave NULL"
 *   zero_size.realloc_choice at realloc_choice "malloc(100) gave NULL"
 *   zero_size.free_null at free_null "malloc(64) gave NULL"
 *   zero_size.realloc_errno zero_size.reallocarray_errno
 *     at null_sets_errno "malloc(%zu) gave NULL" */
#include "family.h"

static void *no_malloc(size_t size) {
    (void)size;
    errno = ENOMEM;
    return NULL;
}

FAULTY_FAMILY(.malloc = no_malloc);
