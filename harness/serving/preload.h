/* Why a library that was asked for by LD_PRELOAD does not serve malloc. */
#ifndef SPANBENCH_PRELOAD_H
#define SPANBENCH_PRELOAD_H

#include "objects.h"
#include "serving.h"

/* Adds a note SERVING_PRELOAD for each allocator that was asked for, if none of them serves. A
 * preloaded library that has nothing to do with malloc is not an allocator. */
void preload_judge(const struct process *, const struct elf_image *program, const struct objects *,
                   const struct serving_question *, struct serving *);

#endif
