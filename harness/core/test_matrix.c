#include "matrix.h"
#include "tap.h"

#include <stdlib.h>

/* What the printer gets: three rows and up to three columns, and the words to put there. */
struct named {
    char name[40];
};
static const struct named rows[]    = {{"copy.far"}, {"copy.near"}, {"move.far"}};
static const struct named columns[] = {{"one"}, {"two"}, {"a-longer-name"}};

enum { PRINTED_BYTES = 4096 };

static const char *print(struct matrix m) {
    static char text[PRINTED_BYTES];
    FILE *to = tmpfile();
    if (!to)
        return "no temporary file";
    matrix_print(&m, to);
    rewind(to);
    text[fread(text, 1, sizeof text - 1, to)] = '\0';
    fclose(to);
    return text;
}

static void is_text(const char *got, const char *want, const char *what) {
    if (!tap_result(strcmp(got, want) == 0, "%s", what))
        printf("# got:\n%s\n# want:\n%s\n", got, want);
}

/* The words of a test, by row, column and part; NULL stands for no word. */
static enum matrix_style given(const void *arg, size_t row, size_t column, size_t part,
                               char text[MATRIX_TEXT_BYTES]) {
    const char *const(*words)[3][2] = arg;
    const char *word                = words[row][column][part];
    snprintf(text, MATRIX_TEXT_BYTES, "%s", word ? word : "");
    return MATRIX_ALARM; /* which a file does not show */
}

static char letter(const void *arg, size_t row) {
    (void)arg;
    return "xyz"[row];
}

static const char *const plain[3][3][2] = {{{"a"}, {"b"}, {"c"}}, {{"long-word"}}, {{"d"}}};

static struct matrix matrix(size_t width, size_t shown) {
    char text[24];
    snprintf(text, sizeof text, "%zu", width);
    setenv("COLUMNS", text, 1);
    return (struct matrix){.row          = rows,
                           .row_bytes    = sizeof *rows,
                           .rows         = 3,
                           .column       = columns,
                           .column_bytes = sizeof *columns,
                           .columns      = shown,
                           .place        = given,
                           .arg          = plain};
}

static void test_one_band(void) {
    struct matrix m = matrix(80, 3);
    is_text(print(m),
            "           one        two   a-longer-name\n"
            "copy.far   a          b     c\n"
            "copy.near  long-word\n"
            "\n"
            "move.far   d\n",
            "columns are as wide as their words, and no line ends with a blank");
    m.note = letter;
    is_text(print(m),
            "             one        two   a-longer-name\n"
            "copy.far  x  a          b     c\n"
            "copy.near y  long-word\n"
            "\n"
            "move.far  z  d\n",
            "notes stand behind the rows' names");
    m.chosen = (const bool[]){false, true, false};
    is_text(print(m),
            "             two\n"
            "copy.far  x  b\n"
            "copy.near y\n"
            "\n"
            "move.far  z\n",
            "a column that is not chosen is left out");
}

static void test_bands(void) {
    struct matrix m = matrix(41, 3);
    is_text(print(m),
            "           one        two   a-longer-name\n"
            "copy.far   a          b     c\n"
            "copy.near  long-word\n"
            "\n"
            "move.far   d\n",
            "what fits to the last character is not folded");
    m = matrix(40, 3);
    is_text(print(m),
            "           one\n"
            "           |          two\n"
            "copy.far   a          b\n"
            "copy.near  long-word\n"
            "\n"
            "move.far   d\n"
            "\n"
            "           a-longer-name\n"
            "copy.far   c\n"
            "copy.near\n"
            "\n"
            "move.far\n",
            "one character less makes stairs and a second band");
    char *narrowest = strdup(print(m));
    is_text(print(matrix(1, 3)), narrowest, "no terminal is taken for narrower than 40");
    free(narrowest);
}

static void test_stairs(void) {
    static const struct named long_names[] = {{"the-first-name"}, {"the-second"}, {"the-third"}};
    struct matrix m                        = matrix(40, 3);
    m.column                               = long_names;
    is_text(print(m),
            "           the-first-name\n"
            "           |          the-second\n"
            "           |          |     the-third\n"
            "copy.far   a          b     c\n"
            "copy.near  long-word\n"
            "\n"
            "move.far   d\n",
            "stairs make room for columns narrower than their names");
}

static void test_parts(void) {
    static const char *const words[3][3][2] = {{{"a", "b"}, {"c", "d"}, {"e", "f"}},
                                               {{"long-word", "g"}, {"h", "i"}, {"j", "k"}},
                                               {{"over both parts"}, {"l"}, {"m"}}};
    struct matrix m                         = matrix(80, 3);
    m.arg                                   = words;
    m.part[m.parts++]                       = "small";
    m.part[m.parts++]                       = "big";
    is_text(print(m),
            "           one              two        a-longer-name\n"
            "           small     big    small big  small big\n"
            "copy.far   a         b      c     d    e     f\n"
            "copy.near  long-word g      h     i    j     k\n"
            "\n"
            "move.far   over both parts  l          m\n",
            "a word that stands alone reaches over the parts behind it");
    setenv("COLUMNS", "40", 1);
    is_text(print(m),
            "           one              two\n"
            "           small     big    small big\n"
            "copy.far   a         b      c     d\n"
            "copy.near  long-word g      h     i\n"
            "\n"
            "move.far   over both parts  l\n"
            "\n"
            "           a-longer-name\n"
            "           small big\n"
            "copy.far   e     f\n"
            "copy.near  j     k\n"
            "\n"
            "move.far   m\n",
            "columns of parts fold, too, and each band names the parts");
}

static void test_edges(void) {
    struct matrix m = matrix(80, 0);
    is_text(print(m), "", "no columns: nothing");
    m        = matrix(80, 3);
    m.chosen = (const bool[]){false, false, false};
    is_text(print(m), "", "no chosen columns: nothing");
    m      = matrix(80, 2);
    m.rows = 0;
    is_text(print(m), "  one   two\n", "no rows: the names of the columns");

    static const struct named wide[] = {{"a-name-that-leaves-no-room-at-all-there"}};
    m                                = matrix(40, 3);
    m.row                            = wide;
    m.rows                           = 1;
    is_text(print(m),
            "                                         one\n"
            "a-name-that-leaves-no-room-at-all-there  a\n\n"
            "                                         two\n"
            "a-name-that-leaves-no-room-at-all-there  b\n\n"
            "                                         a-longer-name\n"
            "a-name-that-leaves-no-room-at-all-there  c\n",
            "columns wider than the terminal: one in each band");
}

static void test_names(void) {
    char text[MATRIX_NAME_BYTES];
    is_text(matrix_short_name("twenty-letters-long-", text), "twenty-letters-long-",
            "a name of 20 characters stays");
    is_text(matrix_short_name("an-allocator-of-a-very-long-name.so", text), "an-allocato~-name.so",
            "a longer one is cut in the middle");
    is_text(matrix_short_name("", text), "", "an empty name");
    is_text(matrix_short_name("äöüäöüäöüäöüäöüäöüäöü", text), "äöüäöüäöüäö~öüäöüäöü",
            "characters of two bytes are not cut apart");
}

static void test_utf8(void) {
    static const struct named names[]       = {{"größe.klein"}, {"größe.am-größten"}};
    static const char *const words[3][3][2] = {{{"µs"}, {"b"}}, {{"8 µs"}, {"c"}}};
    struct matrix m                         = matrix(80, 2);
    m.row                                   = names;
    m.rows                                  = 2;
    m.arg                                   = words;
    is_text(print(m),
            "                  one   two\n"
            "größe.klein       µs    b\n"
            "größe.am-größten  8 µs  c\n",
            "widths count characters, not bytes");
}

int main(void) {
    test_one_band();
    test_bands();
    test_stairs();
    test_parts();
    test_edges();
    test_names();
    test_utf8();
    return tap_done();
}
