"""The rules themselves: each lets good code pass and finds what it is there to find."""

import rules


def test_include_direction_finds_an_upward_include():
    assert rules.check_include_direction("router/x.c", '#include "base/str.h"\n') == []
    assert rules.check_include_direction("base/x.c", '#include "router/table.h"\n')
    assert rules.check_include_direction("metrics/x.c", '#include "router/table.h"\n')
    assert rules.check_include_direction("proxy/x.c", '#include "str.h"\n')
    assert rules.check_include_direction("proxy/x.c", '#include "base/no_such.h"\n')


def test_rooms_find_an_arrow_that_points_up():
    assert rules.check_rooms("proxy/exchange/x.c", '#include "proxy/io/loop.h"\n#include "base/str.h"\n') == []
    assert rules.check_rooms("proxy/io/x.c", '#include "proxy/io/loop.h"\n') == []
    assert rules.check_rooms("proxy/io/x.c", '#include "proxy/exchange/exchange.h"\n')
    assert rules.check_rooms("proxy/tls/x.c", '#include "proxy/http/http1.h"\n')
    assert rules.check_rooms("proxy/attic/x.c", "")
    assert rules.check_rooms("proxy/main.c", '#include "proxy/server/server.h"\n') == []


def test_an_include_in_a_comment_does_not_count():
    assert rules.includes('/* #include "a.h" */\n// #include "b.h"\n#include <c.h>\n') == [(3, "c.h", False)]


def test_libraries_are_kept_to_their_files():
    assert rules.check_libraries("proxy/http/http1.c", "#include <llhttp.h>\n") == []
    assert rules.check_libraries("proxy/http/http1_parse.c", "#include <llhttp.h>\n") == []
    assert rules.check_libraries("proxy/client/client.c", "#include <llhttp.h>\n")
    assert rules.check_libraries("router/table.c", "#include <jansson.h>\n")
    assert rules.check_libraries("conf/file.c", "#include <uv.h>\n")
    assert rules.check_libraries("proxy/client/client.c", "#include <openssl/ssl.h>\n")
    assert rules.check_libraries("proxy/tls/tls_server.c", "#include <openssl/ssl.h>\n") == []


def test_banned_functions_are_found_in_code_only():
    assert rules.check_banned("x.c", "    strcpy(a, b);\n")
    assert rules.check_banned("x.c", "    n = atoi (a);\n")
    assert rules.check_banned("x.c", '    puts("strcpy(a, b)"); /* strcpy(a, b) */\n') == []
    assert rules.check_banned("x.c", "    localtime_r(&t, &tm);\n    my_strcpy(a, b);\n") == []
    assert rules.check_banned("x.c", "    hook->gets(a);\n") == []


def test_typedef_is_for_function_types():
    assert rules.check_typedef("x.h", "typedef void (*done_cb)(int status);\ntypedef int pick(\n    int a);\n") == []
    assert rules.check_typedef("x.h", "typedef struct a a_t;\n")
    assert rules.check_typedef("x.h", "typedef unsigned\n    small;\n")


def test_lengths_are_counted():
    short = "static int f(int a)\n{\n" + "    a++;\n" * rules.FUNCTION_LINES_MAX + "}\n"
    long = short.replace("{\n", "{\n    a--;\n")
    assert rules.function_lengths(short) == [(2, "f", rules.FUNCTION_LINES_MAX)]
    assert rules.check_function_length("x.c", short) == []
    assert rules.check_function_length("x.c", long)
    assert rules.check_file_length("x.c", "\n" * rules.FILE_LINES_MAX) == []
    assert rules.check_file_length("x.c", "\n" * (rules.FILE_LINES_MAX + 1))


def test_columns_are_counted_outside_tables():
    wide = "x" * (rules.COLUMNS_MAX + 1)
    assert rules.check_columns("x.c", wide[1:] + "\n") == []
    assert rules.check_columns("x.c", wide + "\n")
    assert rules.check_columns("x.c", f"/* clang-format off */\n{wide}\n/* clang-format on */\n") == []


def test_open_ends_are_found():
    assert rules.check_open_ends("x.c", "/* TO" "DO: later */\n")
    assert rules.check_open_ends("x.c", "a methodology to do it\n") == []


def test_prefixes_follow_the_stem():
    assert rules.check_prefix("pool", ["pool_get", "pool_put"]) == []
    assert rules.check_prefix("pool", ["pool_get", "pools_put", "helper"]) == [
        "pool.c exports pools_put: it should be pool_... or static",
        "pool.c exports helper: it should be pool_... or static",
    ]


def test_stems_are_unique():
    path = rules.Path
    assert rules.check_unique_stems([path("a/x.c"), path("a/x.h"), path("b/y.c")]) == []
    assert rules.check_unique_stems([path("a/x.c"), path("b/x.c")])
    assert rules.check_unique_stems([path("a/x.c"), path("b/x.h")])


def test_guards_and_opening_comments():
    assert rules.check_include_guard("base/a.h", "#ifndef WEIR_BASE_A_H\n#define WEIR_BASE_A_H\n#endif\n") == []
    assert rules.check_include_guard("base/a.h", "#ifndef A_H\n#define A_H\n#endif\n")
    assert rules.check_opening_comment("base/a.c", "/* Decides. */\n") == []
    assert rules.check_opening_comment("base/a.c", "#include <stdio.h>\n")


def test_cycles_are_found():
    assert rules.find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}) == []
    assert rules.find_cycle({"a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]


def test_circles_are_found():
    assert rules.circles_of({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert rules.circles_of({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert rules.circles_of({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}) == [{"a", "b"}, {"c", "d"}]
