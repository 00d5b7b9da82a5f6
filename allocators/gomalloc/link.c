#include "link.h"

#ifndef GOMALLOC_HARDENED

struct link_secret link_secret;

/* The same each time in a process: links that there are stay right. */
void link_begin(void) {
    link_secret.word = link_secret_of(os_random(RANDOM_LINKS));
}

#endif
