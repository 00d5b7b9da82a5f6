#include "who.h"

#include "exit_code.h"
#include "follow.h"
#include "locate.h"
#include "report.h"
#include "text.h"
#include "who_options.h"

#include <limits.h>
#include <string.h>
#include <sys/wait.h>

static bool look_at_roots(const struct who_options *o, struct seen *seen) {
    for (size_t i = 0; i < o->roots; i++)
        if (!seen_tree(seen, o->root[i])) {
            text_say("there is no process %d", (int)o->root[i]);
            return false;
        }
    return true;
}

static bool run(const struct who_options *o, struct seen *seen, struct follow_end *end) {
    char path[PATH_MAX];
    if (!locate_program(*o->program, NULL, path, sizeof path))
        return false;
    follow_program(&(struct follow_request){.argv            = o->program,
                                            .preload         = o->preload,
                                            .timeout_seconds = o->timeout_seconds,
                                            .to_stderr       = o->json},
                   seen, end);
    if (end->untraced)
        fprintf(
            stderr,
            "spanbench: a program cannot be followed here (ptrace: %s); start it by itself, and "
            "give its number: spanbench who PID\n",
            strerrordesc_np(end->error));
    else if (end->error)
        text_say("cannot start '%s': %s", *o->program, strerrordesc_np(end->error));
    return !end->error;
}

/* The program's own end is not what was asked about, but a person wants to know of a failure. */
static void tell_end(const struct follow_end *end) {
    if (end->interrupted || end->timed_out || end->too_many)
        return;
    if (WIFSIGNALED(end->status))
        text_say("the program was killed by %s", text_signal(WTERMSIG(end->status)));
    else if (WEXITSTATUS(end->status))
        text_say("the program ended with exit code %d", WEXITSTATUS(end->status));
}

int who_command(int argc, char **argv) {
    struct who_options o;
    struct seen seen      = {0};
    struct follow_end end = {0};
    int code              = EXIT_WRONG_USE;
    if (!who_options_parse(argc, argv, &o))
        return EXIT_WRONG_USE;
    if (o.help) {
        who_options_usage(stdout);
        return EXIT_GOOD;
    }
    if (o.program ? run(&o, &seen, &end) : look_at_roots(&o, &seen)) {
        const struct follow_end *its = o.program ? &end : NULL;
        if (its)
            tell_end(its);
        if (o.json)
            (void)who_print_json(&seen, &o, its);
        else
            who_print_text(&seen, &o, its);
        const struct who_verdict v = who_judge(&seen, o.expect);
        const bool wrong           = v.wrong || v.unknown || !v.known || end.too_many;
        code                       = wrong ? EXIT_FINDING : EXIT_GOOD;
        if (seen.overflow)
            fputs("spanbench: there were too many processes; the rest was not looked at\n", stderr);
    }
    seen_free(&seen);
    return end.interrupted ? EXIT_SIGNALLED + end.interrupted : code;
}
