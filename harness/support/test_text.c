#include "tap.h"
#include "text.h"

#include <signal.h>

static void test(const char *from, const char *to, const char *what) {
    char text[64];
    snprintf(text, sizeof text, "%s", from);
    text_clean(text);
    OK(strcmp(text, to) == 0, "%s", what);
}

static void test_word(const char *word, const char *to) {
    char text[64] = "x=";
    text_add_word(text, sizeof text, word);
    OK(strcmp(text, to) == 0, "as a word of a shell: %s", word);
}

int main(void) {
    test_word("/usr/lib/a_b-1.so", "x=/usr/lib/a_b-1.so");
    test_word("two words", "x='two words'");
    test_word("it's $HOME", "x='it'\\''s $HOME'");
    test_word("", "x=''");
    char small[8] = "";
    text_add_word(small, sizeof small, "0123456789");
    OK(strcmp(small, "0123456") == 0, "a word is cut at the end of the text");
    test("plain, tab\t, newline\n", "plain, tab , newline ", "plain text stays, in one line");
    test("a\xc2\x85 \xc2\x9b \xe2\x80\xa8 \xe2\x80\xa9", "a             ",
         "controls of two bytes, and separators");
    // NOLINTNEXTLINE(misc-misleading-bidirectional): they are what is cleaned
    test("\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c.",
         "                    .", "marks of direction");
    test("\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xaa\xd8\x9b\xc2\xa0",
         "\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xaa\xd8\x9b\xc2\xa0", "their neighbours stay");
    test("# ##[a] ###b", "# # [a] # #b", "commands of a CI");
    char lines[] = "a\tb\n\xe2\x80\xae::c\r\n";
    text_clean_lines(lines);
    OK(strcmp(lines, "a\tb\n   ::c \n") == 0, "lines stay");
    test("\033[31mred\033[0m\x7f\x01", " [31mred [0m  ", "control characters become blanks");
    test("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82", "UTF-8 stays");
    test("l\xe4tin", "l?tin", "a byte that is not UTF-8");
    test("cut \xe2\x82", "cut ??", "a sequence that is cut");
    test("\xc0\xaf \xe0\x80\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xf4\x90\x80\x80",
         "?? ??? ??? ???? ????", "overlong, surrogates and beyond Unicode");
    test("\x80\xbf", "??", "stray continuations");
    test("", "", "nothing");
    OK(strcmp(text_signal(SIGSEGV), "SIGSEGV (Segmentation fault)") == 0, "a signal with a name");
    OK(strncmp(text_signal(SIGRTMIN + 6), "signal 40 (", 11) == 0, "one of real time has none: %s",
       text_signal(SIGRTMIN + 6));
    return tap_done();
}
