#include "json.h"
#include "tap.h"

#include <locale.h>
#include <stdlib.h>

/* A string as JSON, between its quotes. */
static const char *written(const char *string) {
    static char text[512];
    struct json j;
    json_begin(&j, text, sizeof text);
    json_string(&j, NULL, string);
    text[j.length - 1] = '\0';
    return text + 1;
}

/* By the C library, in a locale of UTF-8: a judge that did not write the text. */
static bool valid_utf8(const char *text) {
    return mbstowcs(NULL, text, 0) != (size_t)-1;
}

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void test_utf8(void) {
    static const struct {
        const char *what, *string, *becomes;
    } cases[] = {
        {"two bytes, first and last", "\xc2\x80 \xdf\xbf", "\xc2\x80 \xdf\xbf"},
        {"three bytes, first and last", "\xe0\xa0\x80 \xef\xbf\xbf", "\xe0\xa0\x80 \xef\xbf\xbf"},
        {"beside the surrogates", "\xed\x9f\xbf \xee\x80\x80", "\xed\x9f\xbf \xee\x80\x80"},
        {"four bytes, first and last", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
         "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"},
        {"in words", "/opt/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80.so",
         "/opt/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80.so"},
        {"one byte that is not a character", "a\xffz\xfe", "a" BAD "z" BAD},
        {"Latin-1", "caf\xe9.so", "caf" BAD ".so"},
        {"a continuation alone", "\x80z", BAD "z"},
        {"overlong, two bytes", "\xc0\xaf\xc1\xbf", BAD BAD BAD BAD},
        {"overlong, three bytes", "\xe0\x9f\xbfz", BAD BAD BAD "z"},
        {"overlong, four bytes", "\xf0\x8f\xbf\xbfz", BAD BAD BAD BAD "z"},
        {"the first surrogate", "\xed\xa0\x80z", BAD BAD BAD "z"},
        {"the last surrogate", "\xed\xbf\xbfz", BAD BAD BAD "z"},
        {"past U+10FFFF", "\xf4\x90\x80\x80z", BAD BAD BAD BAD "z"},
        {"five bytes", "\xf8\x88\x80\x80\x80", BAD BAD BAD BAD BAD},
        {"cut after one of two", "z\xc3", "z" BAD},
        {"cut after two of three", "z\xe2\x82", "z" BAD BAD},
        {"cut after three of four", "z\xf0\x9f\x98", "z" BAD BAD BAD},
        {"cut by a character", "\xe2\x82\xc3\xa4", BAD BAD "\xc3\xa4"},
        {"cut by a quote", "\xc3\"", BAD "\\\""},
        {"control characters", "\x1b[31m\x7f\n\x01", "\\u001b[31m\\u007f\\u000a\\u0001"},
    };
    OK(!valid_utf8("\xed\xa0\x80") && !valid_utf8("\xc0\xaf") && valid_utf8("\xc3\xa4"),
       "the judge knows UTF-8");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *is = written(cases[i].string);
        OK(strcmp(is, cases[i].becomes) == 0 && valid_utf8(is), "UTF-8: %s", cases[i].what);
    }
}

/* Each sequence of two bytes, and each of three that begins with one of three or four. */
static void test_all_sequences(void) {
    size_t invalid = 0, changed = 0;
    for (unsigned a = 1; a < 256; a++)
        for (unsigned b = 1; b < 256; b++)
            for (unsigned c = 0; c < (a < 0xe0 ? 1 : 256); c++) {
                const char text[] = {(char)a, (char)b, (char)c, 0};
                const bool escape = a < 0x20 || b < 0x20 || a == 0x7f || b == 0x7f ||
                                    strchr("\"\\", (int)a) || strchr("\"\\", (int)b) ||
                                    (c && (c < 0x20 || c == 0x7f || strchr("\"\\", (int)c)));
                const char *is = written(text);
                invalid += !valid_utf8(is);
                changed += !escape && (strcmp(is, text) == 0) != valid_utf8(text);
            }
    IS(invalid, 0, "UTF-8: whatever the bytes, the text is valid");
    IS(changed, 0, "and what was valid is as it was");
}

int main(void) {
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 1;
    char text[128];
    struct json j;
    json_begin(&j, text, sizeof text);
    json_open(&j, NULL, '{');
    json_string(&j, "s", "a\"b\\c\n\x01\x7f\xe4");
    json_uint(&j, "n", 18446744073709551615u);
    json_bool(&j, "t", true);
    json_string(&j, "z", NULL);
    json_open(&j, "list", '[');
    json_uint(&j, NULL, 1);
    json_uint(&j, NULL, 2);
    json_close(&j, ']');
    json_close(&j, '}');
    OK(strcmp(text,
              "{\"s\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f\xef\xbf\xbd\",\"n\":18446744073709551615,"
              "\"t\":true,\"z\":null,\"list\":[1,2]}") == 0,
       "all kinds of values: %s", text);
    OK(!j.overflow, "fit");

    char small[8];
    memset(small, '#', sizeof small);
    json_begin(&j, small, sizeof small - 1);
    json_string(&j, NULL, "123456789");
    OK(j.overflow, "a value that does not fit is noticed");
    OK(small[sizeof small - 1] == '#' && strlen(small) < sizeof small - 1,
       "and nothing is written past the end");
    char tight[7];
    json_begin(&j, tight, sizeof tight);
    json_string(&j, NULL, "ab\xf0\x9f\x98\x80");
    OK(j.overflow && strcmp(tight, "\"ab\"") == 0, "a character is not cut in two: %s", tight);

    test_utf8();
    test_all_sequences();
    return tap_done();
}
