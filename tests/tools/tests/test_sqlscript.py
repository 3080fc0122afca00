"""Promises of sqlscript.py."""

import pytest

from sqlscript import Connect, ScriptError, Sleep, Statement, parse


def test_splits_at_semicolons_outside_of_quotes_and_comments():
    script = "SELECT ';', \"a;b\", `c;d` /* ; */ FROM t; -- ; not an end\n# nor ; this\nSELECT 2;"
    assert [item.sql for item in parse(script)] == [
        "SELECT ';', \"a;b\", `c;d`   FROM t",
        "SELECT 2",
    ]


def test_keeps_comments_that_the_server_reads():
    assert parse("CREATE TABLE t (a INT) /*T![clustered_index] x */;")[0].sql.endswith("x */")


def test_directives_hold_for_the_next_statement_only():
    first, second = parse("-- expect-error 1050 1051\nDROP TABLE a;\nDROP TABLE b;")
    assert first == Statement("DROP TABLE a", 2, "error", (1050, 1051))
    assert second == Statement("DROP TABLE b", 3)


def test_sleep_connect_and_repeat():
    script = "-- sleep 0.5\n-- connect other\n-- repeat 3\nINSERT INTO t VALUES ({i});"
    assert parse(script) == [
        Sleep(0.5),
        Connect("other"),
        Statement("INSERT INTO t VALUES ({i})", 4, repeat=3),
    ]


def test_a_comment_inside_a_statement_is_no_directive():
    (only,) = parse("CREATE TABLE t (\n-- expect-error 1\n id INT);")
    assert only.outcome == "ok"


def test_quotes_escape_by_doubling_and_by_backslash():
    assert parse(r"SELECT 'it''s; \'; fine';")[0].sql == r"SELECT 'it''s; \'; fine'"


@pytest.mark.parametrize("script", ["SELECT 1", "SELECT 'open;"])
def test_refuses_what_has_no_end(script):
    with pytest.raises(ScriptError, match="line 1"):
        parse(script)
