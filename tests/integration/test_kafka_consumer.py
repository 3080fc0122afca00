"""Recordings through Kafka and back: cdc-replay, a real broker, cdc-kafka-consumer, a database.

The consumer knows only what messages say; what it brings must be what the MySQL sink brings.
"""

import uuid

import pytest

from compare_state import compare
from harness import expectations
from harness.cases import all_cases, case_named
from harness.cdc import replay, write_config
from harness.kafka import KafkaBroker, TopicReplay
from harness.registry import SchemaRegistry

DEADLINE_S = 180
pytestmark = pytest.mark.xdist_group("kafka")

PROTOCOLS = {
    "open": "protocol=open-protocol",
    "canal": "protocol=canal-json&enable-tidb-extension=true",
    "simple": "protocol=simple",
    "simple-avro": "protocol=simple&encoding-format=avro",
    "debezium": "protocol=debezium&enable-tidb-extension=true",
    "avro": "protocol=avro&enable-tidb-extension=true&avro-enable-watermark=true"
    "&avro-include-before-value=true&avro-bigint-unsigned-handling-mode=long&schema-registry=",
}


@pytest.fixture(scope="module")
def kafka(scratch):
    broker = KafkaBroker(scratch, "kafka-replay")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def registry():
    running = SchemaRegistry().start()
    yield running
    running.stop()


# pylint: disable=too-many-arguments,too-many-positional-arguments,too-many-locals
def through_kafka(
    case, protocol, kafka, downstream, exceptions, folder, schema, more="", large="", limit=64 << 20
):
    """Replays a case by way of a topic into an emptied downstream; what differs then.

    `more`: the end of the sink URI; `large`: settings of large-message-handle; `limit`: of the
    topic, in bytes of a message."""
    exceptions = exceptions + expectations.through_topics(case, into_mariadb=not schema)
    skipped = [ts for p in expectations.skipped_ddls(exceptions) for ts in case.ddl_start_ts(p)]
    rules = expectations.excluding_rules(case, exceptions)
    config = write_config(folder / "feed.toml", rules, False, skipped)
    with open(config, "a", encoding="utf-8") as rest:
        rest.write('[[sink.dispatchers]]\nmatcher = ["*.*"]\npartition = "index-value"\n')
        rest.write(f"[sink.kafka-config.large-message-handle]\n{large}" if large else "")
    downstream.drop(case.meta["databases"])
    topic = f"t-{uuid.uuid4().hex[:12]}"
    uri = kafka.sink_uri(topic, PROTOCOLS[protocol] + more)
    kafka.create_topic(topic, 3, max_message_bytes=str(limit))  # rows are up to 30 MB
    replay(case.path, uri, config, DEADLINE_S).ok()
    consumer = TopicReplay(uri, downstream.sink_uri(), config=config)
    consumer.run_to(case.meta["end_ts"], DEADLINE_S)
    final = case.final_state()
    expected = expectations.arriving(final, case, exceptions, force_replicate=False)
    actual = downstream.dump(case.meta["databases"], like=final)
    return compare(expected, actual, expectations.rules_for(case, exceptions, schema))


CASES = [case.name for case in all_cases()]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("protocol", ["open", "canal"])
def test_recording_arrives_in_mariadb(name, protocol, kafka, mariadb, tmp_path):
    case = case_named(name)
    exceptions = (
        expectations.in_mariadb(case)
        + expectations.recorded(case)
        + expectations.by_default_rules(case)
    )
    through_kafka(case, protocol, kafka, mariadb, exceptions, tmp_path, False).check()


@pytest.mark.parametrize("name", CASES)
def test_recording_arrives_in_tidb(name, kafka, tidb, tmp_path):
    case = case_named(name)
    exceptions = (
        expectations.in_older_tidb(case)
        + expectations.recorded(case)
        + expectations.by_default_rules(case)
    )
    # ALTER DATABASE without a name: `simple` does not tell which one it was.
    protocol = "open" if name.startswith("12_ddl_database") else "simple"
    through_kafka(case, protocol, kafka, tidb, exceptions, tmp_path, True).check()


@pytest.mark.parametrize(
    "protocol,packing",
    [("open", "lz4"), ("canal", "lz4"), ("simple", "lz4"), ("simple-avro", "none")],
)
def test_rows_above_the_limit_arrive_by_way_of_a_store(protocol, packing, kafka, mariadb, tmp_path):
    case = case_named("18_wide_rows")
    exceptions = expectations.in_mariadb(case) + expectations.recorded(case)
    exceptions += expectations.by_default_rules(case)
    store = tmp_path / "store"
    large = (
        'large-message-handle-option = "claim-check"\n'
        f'large-message-handle-compression = "{packing}"\n'
        f'claim-check-storage-uri = "file://{store}"\n'
    )
    through_kafka(
        case, protocol, kafka, mariadb, exceptions, tmp_path, False, large=large, limit=100_000
    ).check()
    assert list(store.iterdir())


# What test_recording_arrives_in_tidb has no protocol for.
@pytest.mark.parametrize("name", ["01_types_numeric", "02_types_string", "03_types_time", "05_keys"])
def test_recording_arrives_in_tidb_by_simple_avro(name, kafka, tidb, tmp_path):
    case = case_named(name)
    exceptions = expectations.in_older_tidb(case) + expectations.recorded(case)
    exceptions += expectations.by_default_rules(case)
    through_kafka(case, "simple-avro", kafka, tidb, exceptions, tmp_path, True).check()


# Those whose values these formats hold: debezium has no zero dates and DECIMAL only as a double, both
# have names of letters, digits and '_' only.
PLAIN_CASES = ["06_dml_patterns", "20_bank", "21_oltp"]


@pytest.mark.parametrize("name", PLAIN_CASES)
@pytest.mark.parametrize("protocol", ["debezium", "avro"])
def test_plain_recording_arrives_by_formats_that_lose_some(
    name, protocol, kafka, registry, mariadb, tmp_path
):
    case = case_named(name)
    exceptions = (
        expectations.in_mariadb(case)
        + expectations.recorded(case)
        + expectations.by_default_rules(case)
    )
    more = registry.url if protocol == "avro" else ""
    through_kafka(case, protocol, kafka, mariadb, exceptions, tmp_path, False, more).check()


def test_a_topic_that_gets_no_watermarks_any_more_holds_nobody_back(kafka, mariadb, tmp_path):
    """That of tables which were gone when the server started: here, of an earlier recording."""
    earlier, later = case_named("06_dml_patterns"), case_named("20_bank")
    assert earlier.meta["end_ts"] < later.meta["end_ts"]
    config = write_config(tmp_path / "feed.toml", ["*.*"], False, [])
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    mariadb.drop(earlier.meta["databases"] + later.meta["databases"])
    for case in (earlier, later):
        uri = kafka.sink_uri(f"{prefix}-{case.name}", PROTOCOLS["open"])
        replay(case.path, uri, config, DEADLINE_S).ok()
    consumer = TopicReplay(uri, mariadb.sink_uri(), topics=[f"{prefix}-*"])
    consumer.run_to(later.meta["end_ts"], 60)
    want = later.final_state()
    have = mariadb.dump(later.meta["databases"], like=want)
    compare(want, have, expectations.rules_for(later, [], schema=False)).check()
