"""Promises of state.py: one text for one value, whichever server showed it."""

import pytest

from state import State, Table, canonical


@pytest.mark.parametrize(
    "kind, shown, expected",
    [
        ("int", "00042", "42"),
        ("bit", "255", "255"),
        ("decimal", "00000000.07", "0.07"),
        ("decimal", "-0.00", "0.00"),
        ("float", "0.1", "0.10000000149011612"),
        ("double", "-0", "0.0"),
        ("double", "1e+30", "1e+30"),
        ("json", '{"b": 1.0, "a": [1e2]}', '{"a":[100],"b":1}'),
        ("vector", "[1,2.5]", "[1.0,2.5]"),
        ("year", "0", "0000"),
        ("blob", "00ff", "0x00FF"),
        ("varchar", " as it is ", " as it is "),
        ("varchar", None, None),
    ],
)
def test_canonical_values(kind, shown, expected):
    assert canonical(kind, shown) == expected


def column(name, nullable=False, generated=None):
    return {"name": name, "nullable": nullable, "generated": generated, "column_type": "int"}


def key(name, *columns, unique=True):
    return {"name": name, "unique": unique, "columns": [[c, None] for c in columns]}


@pytest.mark.parametrize(
    "columns, keys, expected",
    [
        ([column("a")], [key("PRIMARY", "a")], ["a"]),
        ([column("a"), column("b")], [key("k", "b"), key("PRIMARY", "a")], ["a"]),
        ([column("a")], [key("k", "a")], ["a"]),
        ([column("a", nullable=True)], [key("k", "a")], None),
        ([column("a")], [key("k", "a", unique=False)], None),
        ([column("a", generated="virtual")], [key("k", "a")], None),
        ([column("a")], [key("expression", None)], None),
        ([column("a")], [], None),
    ],
)
def test_usable_key_is_the_rule_by_which_tables_are_replicated(columns, keys, expected):
    assert Table("d", "t", "table", None, columns, keys).usable_key() == expected


def test_a_dump_reads_back_as_what_was_written():
    table = Table("d", "t", "table", "utf8mb4_bin", [column("a")], [key("PRIMARY", "a")])
    table.rows = [["1"], [None], ["\udcff"]]
    state = State({"d": {"charset": "utf8mb4", "collation": "utf8mb4_bin"}}, {("d", "t"): table})
    assert State.parse(state.lines()) == state
