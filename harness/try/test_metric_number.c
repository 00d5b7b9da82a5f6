#include "metric_number.h"
#include "tap.h"

#include <math.h>

static void reads(const char *text, double number) {
    const double got = metric_number(text, strlen(text));
    OK(isnan(number) ? isnan(got) : fabs(got - number) <= 1e-9 * fabs(number), "'%s' is %g, not %g",
       text, number, got);
}

int main(void) {
    reads("1234.5", 1234.5);
    reads(" 42 things", 42);
    reads("-1.5e-3", -1.5e-3);
    reads("+.25", 0.25);
    reads("1.234", 1.234);
    reads("12.", 12);

    reads("0,53", 0.53);
    reads("0,534", 0.534);
    reads("-0,5", -0.5);
    reads(",5", 0.5);
    reads("12,34", 12.34);
    reads("12,3456", 12.3456);
    reads("1234,567", 1234.567);
    reads("1,5e-3 s", 1.5e-3);

    reads("1,234", 1234);
    reads("1,234,567", 1234567);
    reads("123,456", 123456);
    reads("1,234.5", 1234.5);
    reads("1.234,5", 1234.5);
    reads("1.234.567", 1234567);
    reads("1.234.567,25", 1234567.25);
    reads("7, and more", 7);

    reads("1,2,3", NAN);
    reads("1,23,456", NAN);
    reads("0,123,456", NAN);
    reads("1.2,3.4", NAN);
    reads("12345,678.9", NAN);
    reads("none", NAN);
    reads("", NAN);
    reads("-", NAN);

    const char *text = "1,234 more";
    OK(metric_number(text, 4) > 1.22 && metric_number(text, 4) < 1.24, "no more than the bytes");
    return tap_done();
}
