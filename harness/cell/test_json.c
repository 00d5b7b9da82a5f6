#include "json.h"
#include "tap.h"

int main(void) {
    char text[128];
    struct json j;
    json_begin(&j, text, sizeof text);
    json_open(&j, NULL, '{');
    json_string(&j, "s", "a\"b\\c\n\x01\xe4");
    json_uint(&j, "n", 18446744073709551615u);
    json_bool(&j, "t", true);
    json_string(&j, "z", NULL);
    json_open(&j, "list", '[');
    json_uint(&j, NULL, 1);
    json_uint(&j, NULL, 2);
    json_close(&j, ']');
    json_close(&j, '}');
    OK(strcmp(text, "{\"s\":\"a\\\"b\\\\c\\u000a\\u0001\\u00e4\",\"n\":18446744073709551615,"
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
    return tap_done();
}
