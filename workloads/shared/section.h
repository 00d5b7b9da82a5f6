/* Plug-ins that need no list: constants that the linker collects in a section of their own, from
 * all files that the build finds. Each is a `struct type` with a function `run`. */
#ifndef SPANBENCH_SECTION_H
#define SPANBENCH_SECTION_H

/* Begins the definition of one: SECTION_PLUGIN(…, .name = …) { body of its function }. `parameter`
 * is that of the function. */
#define SECTION_PLUGIN(type, section_name, function, parameter, ...)                               \
    static void function(parameter);                                                               \
    static const struct type type##_##function = {.run = (function), __VA_ARGS__};                 \
    __attribute__((section(section_name),                                                          \
                   used)) static const struct type *const type##_entry_##function =                \
        &type##_##function;                                                                        \
    static void function(parameter)

/* Declares type_first and type_end, between which all are, in no order that means anything. */
#define SECTION_PLUGINS(type, section_name)                                                        \
    extern const struct type *const type##_first[] __asm__("__start_" section_name);               \
    extern const struct type *const type##_end[] __asm__("__stop_" section_name)

#endif
