#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LOG_EVERY_SECONDS = 10 };

static bool shown; /* a line stands on the terminal */

static int terminal_width(void) {
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

const char *progress_duration(double seconds) {
    static char text[32];
    const unsigned s = seconds > 0 ? (unsigned)(seconds + 0.5) : 0;
    if (s < 60)
        snprintf(text, sizeof text, "%u s", s);
    else
        snprintf(text, sizeof text, "%u min %02u s", s / 60, s % 60);
    return text;
}

void progress_clear(void) {
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}

static bool on_terminal(void) {
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void progress_show(const char *kind, size_t number, size_t total, double seconds_left,
                   const char *what) {
    static time_t last;
    const time_t now = time(NULL);
    char line[256], left[48] = "";
    if (seconds_left >= 0)
        snprintf(left, sizeof left, ", %s left", progress_duration(seconds_left));
    snprintf(line, sizeof line, "%s %zu of %zu%s", kind, number, total, left);
    if (on_terminal()) {
        progress_clear();
        fprintf(stderr, "%.*s", terminal_width() - 1, line);
        const int room = terminal_width() - 1 - (int)strlen(line);
        if (room > 4)
            fprintf(stderr, ": %.*s", room - 2, what);
        fflush(stderr);
        shown = true;
    } else if (now - last >= LOG_EVERY_SECONDS) {
        fprintf(stderr, "spanbench: %s\n", line);
        last = now;
    }
}
