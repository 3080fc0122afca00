"""What may differ between an upstream and its copy, one by one, each with the reason.

Everything that is not listed here must be equal. Four tables: what arrives nowhere; what a MariaDB
cannot hold; what a playground cannot hold of a recording, since its TiDB is older than the one that
was recorded; and what is different each time a workload runs.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from compare_state import Rules
from recording import Recording
from state import State, Table


@dataclass(frozen=True)
class Exclude:
    """A table (`name` or `database.name`; globs) that the changefeed
    leaves out by a filter rule; it must not be there downstream."""

    table: str
    reason: str


@dataclass(frozen=True)
class SkipDdl:
    """DDLs (a regular expression on the query) that the changefeed leaves out by their start ts."""

    pattern: str
    reason: str


@dataclass(frozen=True)
class Ignore:
    """Cells that are not compared: a column of a table (globs), by default all of it."""

    table: str
    reason: str
    column: str = "*"


Exception_ = Exclude | SkipDdl | Ignore

ANYWHERE: dict[str, list[Exception_]] = {
    "24_user_privileges": [
        Exclude(
            "from_mysql",
            "renamed out of `mysql`, which is never replicated: its older rows could not arrive, so "
            "the changefeed would stop and say so",
        ),
    ],
}

_VECTOR = "MariaDB 10.11 has no VECTOR type"
_NO_RECOVER = "MariaDB cannot bring a dropped table back (RECOVER, FLASHBACK)"
_CHECK = "MariaDB has no [NOT] ENFORCED for a CHECK"

MARIADB: dict[str, list[Exception_]] = {
    "04_types_json_enum_set_vector": [Exclude("vecs", _VECTOR)],
    "07_generated_columns": [
        Exclude("g_pk", "MariaDB refuses NOT NULL on a generated column"),
        Exclude("g_types", "MariaDB refuses DATETIME + INTERVAL in a generated column"),
    ],
    "08_defaults_add_column": [Exclude("d4", "MariaDB has no UUID_TO_BIN()")],
    "10_ddl_tables": [Exclude("rec*", _NO_RECOVER)],
    "11_ddl_index": [Exclude("sp", _VECTOR)],
    "12_ddl_database": [Exclude("c12_ddl_database_fb*.*", _NO_RECOVER)],
    "13_partitions": [
        Exclude("gi", "MariaDB has no global indexes: a unique key holds the partitioning columns"),
        Exclude("ex*", "MariaDB 10.11 has no EXCHANGE PARTITION ... WITHOUT VALIDATION"),
    ],
    "14_views_sequences_temp": [
        Exclude("tmp_global", "MariaDB has no global temporary tables"),
    ],
    "18_wide_rows": [
        Exclude("w1000", "MariaDB: a row holds at most 8126 bytes besides its blobs"),
    ],
    "27_check_constraints": [Exclude("c", _CHECK)],
}
MARIADB["14_views_sequences_temp_safe"] = MARIADB["14_views_sequences_temp"]

_OLDER_MODIFY = "the playground's TiDB refuses MODIFY COLUMN with a new type on a partitioned table"

OLDER_TIDB: dict[str, list[Exception_]] = {
    "08_defaults_add_column": [
        Ignore("d3", "TiDB evaluates a DATE default of CURRENT_DATE when a row is read", "cd"),
    ],
    "11_ddl_index": [
        Exclude("sp_partial", "the playground's TiDB checks a partial unique index for all rows"),
    ],
    "13_partitions": [
        SkipDdl(r"ALTER TABLE r MODIFY COLUMN extra VARCHAR", _OLDER_MODIFY),
        Ignore("r_moved", _OLDER_MODIFY, "extra"),
    ],
}

# Of a live TiDB.
LIVE_TIDB: dict[str, list[Exception_]] = {
    "27_check_constraints": [
        # One column stands for the CREATE text, which is compared as a whole.
        Ignore("c", "tidb_enable_check_constraint is off downstream, so it has no checks", "x"),
    ],
}

# Of a changefeed without force-replicate.
DEFAULT_RULES: dict[str, list[Exception_]] = {
    "11_ddl_index": [
        Exclude("pk2", "it loses its only key half-way: the changefeed would stop and say so"),
        Exclude("pk1", "it has no key when it is made; one that comes later brings no older rows"),
        Exclude("pk4", "it has no key when it is made; one that comes later brings no older rows"),
    ],
}

# Of a recording only, whatever the downstream.
RECORDED: dict[str, list[Exception_]] = {
    "09_ddl_columns": [
        Exclude(
            "npk",
            "TiDB does not send the rows that MODIFY COLUMN rewrites, so a recording does not know "
            "their values, by which a table without a key is matched; live, the store sends them",
        ),
    ],
}

# By way of Kafka, whatever the downstream: what messages do not say.
_SEQUENCE = "messages do not tell of sequences, so no default can name one"
_TYPED = "messages hold a statement as it was typed, without the session that it was typed in"

TOPICS: dict[str, list[Exception_]] = {
    "08_defaults_add_column": [Ignore("d3", f"{_TYPED}: its time zone", "ts8")],
    "14_views_sequences_temp": [Exclude(name, _SEQUENCE) for name in ("seqd", "s1", "s2", "s3*")],
}
TOPICS["14_views_sequences_temp_safe"] = TOPICS["14_views_sequences_temp"]

_NO_EXPRESSION_INDEX = "MariaDB has no indexes on expressions"

# The same, only into a MariaDB: statements as they were typed, where the MySQL sink makes its own.
TOPICS_MARIADB: dict[str, list[Exception_]] = {
    "04_types_json_enum_set_vector": [
        Exclude("jgen", "MariaDB has no operator ->>"),
        Exclude("jmv", "MariaDB has no multi-valued indexes"),
    ],
    "05_keys": [Exclude("idx_mix", _NO_EXPRESSION_INDEX)],
    "11_ddl_index": [
        SkipDdl(r"ADD INDEX `?kexpr`? *\(\(", _NO_EXPRESSION_INDEX),
        Exclude("sp_partial", "MariaDB has no partial indexes"),
    ],
    "13_partitions": [
        Exclude("l", "MariaDB reorganizes partitions only where they are neighbours"),
        Exclude("lc", "MariaDB has no DEFAULT among the values of a list partition"),
        Exclude("pl2", "it is made LIKE ex, which is not there"),
    ],
    "12_ddl_database": [
        Ignore("t_0900", "it takes its collation from its database, which MariaDB does not have"),
    ],
}
TOPICS_MARIADB["12_ddl_database_safe"] = TOPICS_MARIADB["12_ddl_database"]

_NOW = "the time of the run"
_AUTO_RANDOM = "AUTO_RANDOM ids are random"
_CONCURRENT = "concurrent sessions: each run ends in another state"

EACH_RUN: dict[str, list[Exception_]] = {
    "03_types_time": [
        Ignore("autots", _NOW, column) for column in ("created", "updated", "dtc", "dtu", "td")
    ],
    "05_keys": [
        Ignore("ar", _AUTO_RANDOM, "id"),
        Ignore("ar_multi", _AUTO_RANDOM, "id"),
        Ignore("ar_multi", _AUTO_RANDOM, "a"),
        Ignore("aru", _AUTO_RANDOM, "id"),
    ],
    "08_defaults_add_column": [
        Ignore("d3", _NOW),
        Ignore("d4", "expression defaults: time, RAND() and UUID()"),
    ],
    "09_ddl_columns": [
        Ignore(
            "r", "the playground's TiDB reads an INT UNSIGNED as signed after MODIFY to BIGINT", "u"
        )
    ],
    "10_ddl_tables": [
        Ignore("opt_ai2ar", _AUTO_RANDOM, "id"),
        Ignore("opt_ar", _AUTO_RANDOM, "id"),
    ],
    "11_ddl_index": [
        Ignore("sp_partial", "the playground's TiDB checks a partial unique index for all rows")
    ],
    "13_partitions": [
        Ignore("r_moved", _OLDER_MODIFY, "extra"),
        Ignore("kp", _AUTO_RANDOM, "id"),
        Ignore("rts", "an UPDATE ... LIMIT 1 takes the row that it finds first", "at"),
    ],
    "17_large_txn": [Ignore("side", _CONCURRENT)],
    "20_bank": [Ignore("*", _CONCURRENT)],
    "21_oltp": [Ignore("*", _CONCURRENT)],
    "22_ddl_under_load": [Ignore("*", _CONCURRENT)],
    "23_ttl_placement_resource": [Ignore("ttl2", _NOW, "seen_at"), Ignore("ttl3", _NOW, "seen_at")],
}


def in_tidb(case: Recording) -> list[Exception_]:
    return ANYWHERE.get(case.name, [])


def recorded(case: Recording) -> list[Exception_]:
    return RECORDED.get(case.name, [])


def in_older_tidb(case: Recording) -> list[Exception_]:
    return in_tidb(case) + OLDER_TIDB.get(case.name, [])


def in_mariadb(case: Recording) -> list[Exception_]:
    return ANYWHERE.get(case.name, []) + MARIADB.get(case.name, [])


def in_live_tidb(case: Recording) -> list[Exception_]:
    return in_tidb(case) + LIVE_TIDB.get(case.name, [])


def by_default_rules(case: Recording) -> list[Exception_]:
    return DEFAULT_RULES.get(case.name, [])


def through_topics(case: Recording, into_mariadb: bool) -> list[Exception_]:
    return TOPICS.get(case.name, []) + (TOPICS_MARIADB.get(case.name, []) if into_mariadb else [])


def in_another_run(case: Recording) -> list[Exception_]:
    return EACH_RUN.get(case.name, [])


def matches(case: Recording, pattern: str, table: Table) -> bool:
    """Whether an Exclude's or Ignore's table pattern means a table. A name without a database
    means the tables of that name in all databases of the case."""
    name = table.full_name if "." in pattern else table.name
    return table.database in case.meta["databases"] and fnmatch.fnmatchcase(name, pattern)


def excluding_rules(case: Recording, exceptions: list[Exception_]) -> list[str]:
    """The case's filter rules, and one more for each excluded table."""
    rules = list(case.meta["filter"])
    for exception in exceptions:
        if isinstance(exception, Exclude):
            table = exception.table
            databases = [] if "." in table else case.meta["databases"]
            rules += [f"!{database}.{table}" for database in databases] or [f"!{table}"]
    return rules


def skipped_ddls(exceptions: list[Exception_]) -> list[str]:
    return [exception.pattern for exception in exceptions if isinstance(exception, SkipDdl)]


def arriving(
    state: State, case: Recording, exceptions: list[Exception_], force_replicate: bool
) -> State:
    """The part of an upstream's state that a changefeed brings to its downstream."""

    def arrives(table: Table) -> bool:
        if any(isinstance(e, Exclude) and matches(case, e.table, table) for e in exceptions):
            return False
        return force_replicate or table.kind != "table" or table.usable_key() is not None

    def replicated(database: str) -> bool:
        return not any(
            isinstance(e, Exclude)
            and e.table.endswith(".*")
            and fnmatch.fnmatchcase(database, e.table.removesuffix(".*"))
            for e in exceptions
        )

    databases = {name: info for name, info in state.databases.items() if replicated(name)}
    kept = {key: table for key, table in state.tables.items() if arrives(table)}
    return State(databases, kept)


def rules_for(case: Recording, exceptions: list[Exception_], schema: bool) -> Rules:
    def skip_column(table: Table, column: str) -> bool:
        return any(
            isinstance(e, Ignore)
            and matches(case, e.table, table)
            and fnmatch.fnmatchcase(column, e.column)
            for e in exceptions
        )

    def schema_value(table: Table, column: str | None, what: str, value):
        """The definition of a column that is not compared; the CREATE text names all columns."""
        ignored = (
            skip_column(table, column)
            if column
            else what == "create" and any(skip_column(table, name) for name in table.column_names())
        )
        return None if ignored else value

    return Rules(schema=schema, skip_column=skip_column, schema_value=schema_value)
