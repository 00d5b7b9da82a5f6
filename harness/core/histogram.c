#include "histogram.h"

#include "option_values.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 256 };
static const uint64_t largest     = (uint64_t)1 << HISTOGRAM_LOG_LARGEST;
static const uint64_t most_counts = (uint64_t)1 << 52; /* in all: a double holds each such number */
static const uint64_t most_lines  = 20000000;
static const char log_normal[]    = "lognormal:";

/* The first size of a place; that of HISTOGRAM_PLACES is over the largest one. */
static uint64_t first_of(uint32_t place) {
    const uint32_t exact = 1 << HISTOGRAM_LOG_EXACT, parts = 1 << HISTOGRAM_LOG_PARTS;
    if (place < exact)
        return place + 1;
    const uint32_t octave = (place - exact) / parts, part = (place - exact) % parts;
    const uint64_t base = (uint64_t)exact << octave;
    return base + base / parts * part + 1;
}

static uint32_t place_of(uint64_t size) {
    const uint32_t exact = 1 << HISTOGRAM_LOG_EXACT, parts = 1 << HISTOGRAM_LOG_PARTS;
    if (size <= exact)
        return (uint32_t)size - 1;
    const uint32_t log  = 63 - (uint32_t)__builtin_clzll(size - 1); /* base < size <= 2 * base */
    const uint32_t part = (uint32_t)((size - 1) >> (log - HISTOGRAM_LOG_PARTS)) % parts;
    return exact + (log - HISTOGRAM_LOG_EXACT) * parts + part;
}

/* --- a file --- */

static void add(struct histogram *h, uint32_t size, uint64_t count) {
    struct histogram_place *p = &h->place[place_of(size)];
    if (!count)
        return;
    p->least = !p->count || size < p->least ? size : p->least;
    p->most  = size > p->most ? size : p->most;
    p->count += count;
    h->total += count;
}

static bool is_end(const char *text) {
    return !text[strspn(text, " \t\r\n")] || text[strspn(text, " \t\r\n")] == '#';
}

/* A whole number, and where the text goes on behind it and behind what may separate two. */
static bool number(const char **text, uint64_t *value) {
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    errno  = 0;
    *value = strtoull(*text, &end, 10);
    if (errno)
        *value = UINT64_MAX;
    if (*end && !strchr(" \t\r\n,;:#", *end))
        return false;
    *text = end + strspn(end, " \t,;:");
    return true;
}

/* Adds what a line says. False: standard error says what is wrong with it. */
static bool take_line(struct histogram *h, uint64_t nth, const char *line) {
    const char *at = line + strspn(line, " \t");
    uint64_t size = 0, count = 1;
    char what[160] = "";
    if (is_end(at))
        return true;
    if (!number(&at, &size) || (!is_end(at) && !number(&at, &count)) || !is_end(at))
        snprintf(
            what, sizeof what,
            "'%.40s' is not a size in bytes, nor a size and its count; a line is such as '64' or "
            "'64 1000'",
            line);
    else if (size == 0)
        snprintf(what, sizeof what, "a request of 0 bytes; leave such lines out");
    else if (size > largest)
        snprintf(what, sizeof what,
                 "%.30s is over %llu bytes (1 GiB), the largest that is measured; leave it out",
                 line + strspn(line, " \t"), (unsigned long long)largest);
    else if (count > most_counts - h->total)
        snprintf(what, sizeof what, "the counts add up to over 2^52; divide them all by a number");
    if (*what)
        text_say("--sizes: %s, line %llu: %s", h->given, (unsigned long long)nth, what);
    else
        add(h, (uint32_t)size, count);
    return !*what;
}

/* A line without its end, cut at LINE_BYTES. A zero byte becomes another control character, which
 * does not end the text. False: the file has ended. */
static bool read_line(FILE *file, char line[LINE_BYTES]) {
    size_t length = 0;
    int c         = getc(file);
    if (c == EOF)
        return false;
    for (; c != EOF && c != '\n' && length < LINE_BYTES - 1; c = getc(file))
        line[length++] = c ? (char)c : '\1';
    line[length] = '\0';
    return true;
}

static bool read_lines(struct histogram *h, FILE *file) {
    char line[LINE_BYTES];
    for (uint64_t nth = 1; read_line(file, line); nth++) {
        if (nth > most_lines) {
            text_say("--sizes: %s has over %llu lines; count equal ones: sort %s | uniq -c | "
                     "awk '{print $2, $1}'",
                     h->given, (unsigned long long)most_lines, h->given);
            return false;
        }
        if (!take_line(h, nth, line))
            return false;
    }
    if (ferror(file))
        text_say("--sizes: cannot read %s: %s", h->given, strerrordesc_np(errno));
    else if (!h->total)
        text_say("--sizes: %s has no sizes; a line is a size and its count, such as '64 1000'",
                 h->given);
    return !ferror(file) && h->total;
}

static bool read_file(struct histogram *h) {
    FILE *file = fopen(h->given, "re");
    if (!file) {
        text_say("--sizes: cannot read %s: %s; it takes a file, or %sMEDIAN,SIGMA[,MIN,MAX]",
                 h->given, strerrordesc_np(errno), log_normal);
        return false;
    }
    const bool good = read_lines(h, file);
    fclose(file);
    return good;
}

/* --- a log-normal distribution --- */

struct log_normal {
    double median, sigma; /* bytes; of the natural logarithm */
    double least, most;   /* what is outside of these is left out */
};

/* The part of the sizes above `size`. */
static double above(const struct log_normal *d, double size) {
    return 0.5 * erfc(log(size / d->median) / d->sigma * M_SQRT1_2);
}

/* What lies from one size to another, both included; whole sizes stand for those around them. */
static double between(const struct log_normal *d, double from, double to) {
    return above(d, from - 0.5) - above(d, to + 0.5);
}

/* Numbers with commas between them. Returns how many, 0 if it is not all of them. */
static unsigned numbers(const char *text, double *value, unsigned most) {
    for (unsigned n = 0; n < most; n++) {
        char *end;
        if (!isdigit((unsigned char)*text) && *text != '.')
            return 0;
        value[n] = strtod(text, &end);
        if (!*end)
            return n + 1;
        if (*end != ',')
            return 0;
        text = end + 1;
    }
    return 0;
}

static bool parse_log_normal(const char *text, struct log_normal *d) {
    double value[4]      = {0, 0, 1, (double)largest};
    const unsigned count = numbers(text, value, 4);
    char what[160]       = "";
    *d = (struct log_normal){value[0], value[1], floor(value[2]), floor(value[3])};
    if (count != 2 && count != 4)
        snprintf(what, sizeof what,
                 "%sMEDIAN,SIGMA or %sMEDIAN,SIGMA,MIN,MAX, such as %s100,1.5,8,65536", log_normal,
                 log_normal, log_normal);
    else if (!(d->median >= 1 && d->median <= (double)largest))
        snprintf(what, sizeof what, "a median of 1 to %llu bytes", (unsigned long long)largest);
    else if (!(d->sigma >= 0.01 && d->sigma <= 10))
        snprintf(what, sizeof what,
                 "a sigma, the standard deviation of the natural logarithm, of 0.01 to 10");
    else if (!(d->least >= 1 && d->least <= d->most && d->most <= (double)largest))
        snprintf(what, sizeof what, "a least and a largest size, in this order, of 1 to %llu bytes",
                 (unsigned long long)largest);
    else if (between(d, d->least, d->most) < 1e-6)
        snprintf(
            what, sizeof what,
            "a least and a largest size of which more than one size in a million lies between");
    return !*what || option_complain("sizes", what, text);
}

static bool make_log_normal(struct histogram *h) {
    const double whole = 0x1p32;
    struct log_normal d;
    if (!parse_log_normal(h->given + strlen(log_normal), &d))
        return false;
    for (uint32_t i = 0; i < HISTOGRAM_PLACES; i++) {
        const double from = fmax((double)first_of(i), d.least);
        const double to   = fmin((double)first_of(i + 1) - 1, d.most);
        if (from > to)
            continue;
        const double part        = between(&d, from, to) / between(&d, d.least, d.most);
        struct histogram_place p = {(uint32_t)from, (uint32_t)to, (uint64_t)llround(part * whole)};
        if (!p.count) /* rarer than one in 2^33 */
            continue;
        h->place[i] = p;
        h->total += p.count;
    }
    return true;
}

/* --- both --- */

bool histogram_read(const char *given, struct histogram *h) {
    *h = (struct histogram){.given = given};
    if (strncmp(given, log_normal, strlen(log_normal)) == 0)
        return make_log_normal(h);
    return read_file(h);
}

double histogram_mean(const struct histogram *h) {
    double sum = 0;
    for (uint32_t i = 0; i < HISTOGRAM_PLACES; i++)
        sum += (double)h->place[i].count * ((double)h->place[i].least + h->place[i].most) / 2;
    return sum / (double)h->total;
}

char *histogram_text(const struct histogram *h) {
    const uint64_t whole = (uint64_t)1 << 32;
    const uint64_t scale = h->total > whole ? h->total / whole + 1 : 1;
    char *text           = NULL;
    size_t length        = 0;
    FILE *to             = open_memstream(&text, &length);
    for (uint32_t i = 0; to && i < HISTOGRAM_PLACES; i++) {
        const struct histogram_place *p = &h->place[i];
        if (!p->count)
            continue;
        fprintf(to, "%s%u", ftell(to) ? "," : "", p->least);
        if (p->most != p->least)
            fprintf(to, "-%u", p->most);
        fprintf(to, ":%llu", (unsigned long long)((p->count + scale - 1) / scale));
    }
    if (!to || fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

json_t *histogram_json(const struct histogram *h) {
    json_t *ranges = json_array();
    for (uint32_t i = 0; i < HISTOGRAM_PLACES; i++) {
        const struct histogram_place *p = &h->place[i];
        if (p->count)
            json_array_append_new(ranges, json_pack("[I, I, I]", (json_int_t)p->least,
                                                    (json_int_t)p->most, (json_int_t)p->count));
    }
    char *given = strdup(h->given); /* the name of a file may be anything */
    if (given)
        text_clean(given);
    json_t *o = json_pack("{s:s, s:f, s:o}", "given", given ? given : "", "mean_bytes",
                          histogram_mean(h), "ranges", ranges);
    free(given);
    return o;
}
