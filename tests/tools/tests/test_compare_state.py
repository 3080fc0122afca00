"""Promises of compare_state.py: it finds every difference and says where it is."""

import copy

from compare_state import Rules, compare
from state import State, Table


def column(name, **more):
    defaults = {
        "name": name,
        "type": "int",
        "column_type": "int",
        "nullable": name != "id",
        "default": None,
        "charset": None,
        "collation": None,
        "generated": None,
        "expr": None,
        "extra": "",
    }
    return defaults | more


def state(rows, columns=("id", "v"), keys=True):
    primary = [{"name": "PRIMARY", "unique": True, "columns": [["id", None]]}] if keys else []
    table = Table("d", "t", "table", "utf8mb4_bin", [column(c) for c in columns], primary)
    table.rows = rows
    return State({"d": {"charset": "utf8mb4", "collation": "utf8mb4_bin"}}, {("d", "t"): table})


def found(expected, actual, **rules):
    return compare(expected, actual, Rules(**rules)).lines


def test_equal_states_have_no_difference():
    assert found(state([["1", "a"]]), state([["1", "a"]]), schema=True) == []


def test_names_the_row_and_the_cell():
    lines = found(state([["1", "a"], ["2", "b"]]), state([["1", "a"], ["2", "c"]]))
    assert lines == ["d.t: row id=2: v: expected 'b', is 'c'"]


def test_missing_and_extra_rows():
    lines = found(state([["1", "a"]]), state([["2", None]]))
    assert lines == ["d.t: missing row id=1: '1', 'a'", "d.t: row too many: '2', None"]


def test_counts_duplicates_where_no_key_identifies_rows():
    lines = found(state([["1", "a"]] * 3, keys=False), state([["1", "a"]], keys=False))
    assert lines == ["d.t: missing row (2 times): '1', 'a'"]


def test_missing_and_extra_tables_and_databases():
    assert found(state([]), State()) == [
        "d: the database is missing",
        "d.t: is missing, should have 0 rows",
    ]
    assert len(found(State(), state([]))) == 2


def test_columns_may_be_left_out():
    rules = {"skip_column": lambda table, name: name == "v"}
    assert found(state([["1", "a"]]), state([["1", "b"]]), **rules) == []
    assert found(state([["1", "a"]]), state([["3", "a"]]), **rules) != []


def test_schema_is_compared_when_asked():
    other = copy.deepcopy(state([]))
    other.tables["d", "t"].columns[1]["column_type"] = "bigint"
    assert found(state([]), other) == []
    assert found(state([]), other, schema=True) == [
        "d.t: column v: column_type: expected 'int', is 'bigint'"
    ]


def test_a_table_that_cannot_be_read_is_a_difference():
    other = state([])
    other.tables["d", "t"].error = "boom"
    assert found(state([]), other) == ["d.t: not readable: boom"]


def test_says_how_much_more_there_is():
    report = compare(state([[str(i), "a"] for i in range(50)]), state([]), limit=5)
    assert report.count == 50 and len(report.lines) == 6


def test_no_rows_are_compared_when_all_columns_are_left_out():
    assert found(state([["1", "a"]]), state([]), skip_column=lambda table, name: True) == []
