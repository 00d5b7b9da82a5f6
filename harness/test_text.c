#include "tap.h"
#include "text.h"

static void test(const char *from, const char *to, const char *what) {
    char text[64];
    snprintf(text, sizeof text, "%s", from);
    text_clean(text);
    OK(strcmp(text, to) == 0, "%s", what);
}

int main(void) {
    test("plain, tab\t, newline\n", "plain, tab\t, newline\n", "plain text stays");
    test("\033[31mred\033[0m\x7f\x01", " [31mred [0m  ", "control characters become blanks");
    test("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82", "UTF-8 stays");
    test("l\xe4tin", "l?tin", "a byte that is no UTF-8");
    test("cut \xe2\x82", "cut ??", "a sequence that is cut");
    test("\xc0\xaf \xe0\x80\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xf4\x90\x80\x80",
         "?? ??? ??? ???? ????", "overlong, surrogates and beyond Unicode");
    test("\x80\xbf", "??", "stray continuations");
    test("", "", "nothing");
    return tap_done();
}
