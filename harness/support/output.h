/* Standard output, which may be full or closed. */
#ifndef SPANBENCH_OUTPUT_H
#define SPANBENCH_OUTPUT_H

/* Flushes it. Returns why it takes no more, an errno; 0: it does. */
int output_error(void);

/* An error of it in words. */
const char *output_describe(int error);

#endif
