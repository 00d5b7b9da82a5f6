#include "drain.h"

#include "metric_number.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* After FNV-1a (Fowler, Noll, Vo), on words of eight bytes, and with a rotation so that the high
 * bits of a word matter. Not against forgery. */
static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x100000001b3u;
    return hash << 29 | hash >> 35;
}

/* However the text was cut into reads, the hash is the same. */
static void add_to_hash(struct drain *d, const char *text, size_t length) {
    while (length) {
        const size_t held = d->bytes % sizeof d->word;
        const size_t room = sizeof d->word - held, step = room < length ? room : length;
        memcpy((char *)&d->word + held, text, step);
        d->bytes += step;
        text += step;
        length -= step;
        if (step == room) {
            d->mixed = mixed(d->mixed, d->word);
            d->word  = 0;
        }
    }
}

uint64_t drain_hash(const struct drain *d) {
    return mixed(mixed(d->mixed, d->word), d->bytes);
}

static void keep_tail(struct drain *d, const char *text, size_t length) {
    const size_t limit = sizeof d->tail - 1;
    if (length > limit) {
        text += length - limit;
        length = limit;
    }
    const size_t drop = d->tail_length + length > limit ? d->tail_length + length - limit : 0;
    memmove(d->tail, d->tail + drop, d->tail_length - drop);
    d->tail_length -= drop;
    memcpy(d->tail + d->tail_length, text, length);
    d->tail_length += length;
    d->tail[d->tail_length] = '\0';
}

static void end_line(struct drain *d) {
    regmatch_t part[2];
    d->line[d->line_length] = '\0';
    d->line_length          = 0;
    if (regexec(d->number, d->line, 2, part, 0) != 0)
        return;
    const regmatch_t *m = d->number->re_nsub ? &part[1] : &part[0];
    if (m->rm_so < 0)
        return;
    d->line[m->rm_eo] = '\0';
    if (strpbrk(d->line + m->rm_so, "0123456789"))
        d->value = metric_number(d->line + m->rm_so, (size_t)(m->rm_eo - m->rm_so));
}

static void look_for_number(struct drain *d, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' || text[i] == '\r')
            end_line(d);
        else if (d->line_length < sizeof d->line - 1)
            d->line[d->line_length++] = text[i] ? text[i] : ' ';
    }
}

void drain_begin(struct drain *d, int fd, const regex_t *number) {
    *d = (struct drain){.fd = fd, .number = number, .value = NAN, .mixed = 0xcbf29ce484222325u};
}

size_t drain_take(struct drain *d) {
    static char text[DRAIN_PIPE_BYTES];
    ssize_t got;
    do
        got = read(d->fd, text, sizeof text);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0) {
        close(d->fd);
        d->fd = -1;
        return 0;
    }
    add_to_hash(d, text, (size_t)got);
    keep_tail(d, text, (size_t)got);
    if (d->number)
        look_for_number(d, text, (size_t)got);
    return (size_t)got;
}

void drain_end(struct drain *d) {
    for (uint64_t taken = 0; d->fd >= 0 && taken <= DRAIN_PIPE_BYTES;) {
        const size_t got = drain_take(d);
        if (!got)
            break;
        taken += got;
    }
    if (d->number)
        end_line(d);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}
