"""cdc-replay into a real Kafka broker: what arrives, also when the broker misbehaves."""

import re
import threading
import uuid

import pytest
from confluent_kafka.admin import NewPartitions

from harness import programs
from harness.cases import case_named
from harness.cdc import run, write_config
from harness.kafka import KafkaBroker, read_lines, rows_by_key
from harness.process import wait_until

DEADLINE_S = 180
pytestmark = pytest.mark.xdist_group("kafka")


@pytest.fixture(scope="module")
def kafka(scratch):
    broker = KafkaBroker(scratch)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def topic():
    return f"t-{uuid.uuid4().hex[:12]}"


def replay(name: str, sink_uri: str, *more: str):
    argv = [programs.find("cdc-replay"), "--recording", str(case_named(name).path)]
    return run([*argv, "--sink-uri", sink_uri, "--tz", "UTC", *more], DEADLINE_S)


def without_clock(value: bytes | None) -> bytes | None:
    """A canal-json message holds the time at which it was made."""
    return value and re.sub(rb'"ts":\d{13},', b'"ts":0,', value)


def by_partition(messages) -> dict:
    """The messages of each topic and partition: order between tables of one is free, so sorted."""
    found: dict = {}
    for m in messages:
        place = found.setdefault((m.topic, m.partition), [])
        place.append((m.key or b"", without_clock(m.value) or b""))
    return {place: sorted(rows) for place, rows in found.items()}


@pytest.mark.parametrize(
    "name,compression",
    [
        ("05_keys", "none"),
        ("10_ddl_tables", "gzip"),
        ("06_dml_patterns", "snappy"),
        ("06_dml_patterns", "lz4"),
        ("06_dml_patterns", "zstd"),
    ],
)
def test_what_arrives_is_what_was_encoded(kafka, topic, tmp_path, name, compression):
    parameters = "protocol=canal-json&max-message-bytes=900000"
    replay(name, f"kafka://-/{topic}?{parameters}", "--out", str(tmp_path / "out")).ok()
    replay(name, kafka.sink_uri(topic, f"{parameters}&compression={compression}")).ok()
    assert kafka.partitions(topic) == 3
    expected = by_partition(read_lines(tmp_path / "out"))
    assert by_partition(kafka.messages(topic)) == expected


def test_topics_are_made_as_configured(kafka, topic, tmp_path):
    config = tmp_path / "changefeed.toml"
    config.write_text(
        '[filter]\nrules = ["c05_keys.*"]\n'
        f'[[sink.dispatchers]]\nmatcher = ["*.*"]\ntopic = "{topic}-{{table}}"\n'
        'partition = "index-value"\n'
    )
    uri = kafka.sink_uri(topic, "protocol=canal-json&partition-num=5")
    replay("05_keys", uri, "--config", str(config)).ok()
    assert kafka.partitions(f"{topic}-pk_int") == 5
    assert kafka.messages(f"{topic}-pk_int")


def refusal(name: str, uri: str) -> str:
    ended = replay(name, uri)
    assert ended.status == 1, str(ended)
    return ended.stderr


def test_a_topic_that_may_not_be_made_is_named(kafka, topic):
    uri = kafka.sink_uri(topic, "protocol=canal-json&auto-create-topic=false")
    assert f"[CDC:ErrKafkaTopicNotExists]topic {topic}" in refusal("05_keys", uri)


def test_more_partitions_than_the_topic_has_are_refused(kafka, topic):
    kafka.create_topic(topic, 2)
    uri = kafka.sink_uri(topic, "protocol=canal-json&partition-num=3")
    assert f"partition-num is 3, but topic {topic} has 2" in refusal("05_keys", uri)


def test_a_replication_factor_that_brokers_cannot_give_is_named(kafka, topic):
    uri = kafka.sink_uri(topic, "protocol=canal-json&replication-factor=3")
    assert "CDC:ErrKafkaCreateTopic" in refusal("05_keys", uri)


def test_a_topic_that_could_never_acknowledge_is_refused(kafka, topic):
    kafka.create_topic(topic, 1, min_insync_replicas="2")
    uri = kafka.sink_uri(topic, "protocol=canal-json")
    assert "min.insync.replicas 2" in refusal("05_keys", uri)
    replay("05_keys", kafka.sink_uri(topic, "protocol=canal-json&required-acks=1")).ok()


def test_a_row_above_the_topics_limit_fails_with_its_table_and_size(kafka, topic):
    kafka.create_topic(topic, 1, max_message_bytes="100000")
    ended = refusal("18_wide_rows", kafka.sink_uri(topic, "protocol=canal-json"))
    assert re.search(r"CDC:ErrMessageTooLarge\]a row of c18_wide_rows\.\w+ .* \d+ bytes", ended)


@pytest.fixture
def feed(request, cdc, kafka, topic, upstream, tmp_path):
    """A changefeed of one table into a topic that it may not make, at work."""
    kafka.create_topic(topic, 2)
    upstream.drop(["kafka_topics"])
    upstream.query("CREATE DATABASE kafka_topics")
    upstream.query("CREATE TABLE kafka_topics.t (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT)")
    config = write_config(tmp_path / "feed.toml", ["kafka_topics.*"], False, [])
    parameters = "protocol=canal-json&enable-tidb-extension=true&auto-create-topic=false"
    created = cdc.cli.create(kafka.sink_uri(topic, parameters), None, f"--config={config}")
    request.addfinalizer(lambda: created.command("remove"))
    created.wait_for(upstream.now_ts(), DEADLINE_S)
    return created


def test_a_topic_that_is_deleted_is_named(feed, kafka, topic, upstream):
    kafka.admin().delete_topics([topic])[topic].result(20)

    def error() -> str:
        upstream.query("INSERT INTO kafka_topics.t (v) VALUES (1)")
        return str((feed.query().get("info") or {}).get("error") or "")

    wait_until("the topic is named", lambda: f"topic {topic}" in error(), DEADLINE_S, every_s=0.5)
    # Back again, it is used again, from the checkpoint.
    kafka.create_topic(topic, 2)
    if feed.query()["info"]["state"] == "failed":
        feed.command("resume")
    upstream.query("INSERT INTO kafka_topics.t (v) VALUES (77)")
    end_ts = upstream.now_ts()
    wait_until("progress", lambda: feed.checkpoint_ts() >= end_ts, DEADLINE_S, every_s=0.5)
    assert any(b'"77"' in (m.value or b"") for m in kafka.messages(topic))


def test_partitions_that_a_topic_gets_are_used_after_a_restart_and_do_no_harm_before(
    feed, kafka, topic, upstream
):
    grown = NewPartitions(topic, 4)
    kafka.admin().create_partitions([grown])[topic].result(20)
    upstream.query("INSERT INTO kafka_topics.t (v) VALUES (1),(2),(3)")
    feed.wait_for(upstream.now_ts(), DEADLINE_S)

    def has_watermarks() -> set:
        return {m.partition for m in kafka.messages(topic) if b"TIDB_WATERMARK" in (m.value or b"")}

    assert has_watermarks() == {0, 1}
    feed.command("pause")
    feed.command("resume")
    upstream.query("INSERT INTO kafka_topics.t (v) VALUES (4)")
    feed.wait_for(upstream.now_ts(), DEADLINE_S)
    wait_until("watermarks", lambda: has_watermarks() == {0, 1, 2, 3}, DEADLINE_S, every_s=0.5)


def test_nothing_is_lost_and_order_kept_when_the_broker_is_killed(kafka, topic, tmp_path):
    parameters = "protocol=canal-json&enable-tidb-extension=true"
    replay("21_oltp", f"kafka://-/{topic}?{parameters}", "--out", str(tmp_path / "out")).ok()
    kafka.create_topic(topic, 3)
    ended: list = []
    uri = kafka.sink_uri(topic, parameters)
    sender = threading.Thread(target=lambda: ended.append(replay("21_oltp", uri)))
    sender.start()
    wait_until("first messages", lambda: kafka.has_messages(topic), DEADLINE_S, every_s=0.001)
    kafka.kill()
    kafka.start()
    sender.join()
    ended[0].ok()
    assert rows_by_key(kafka.messages(topic)) == rows_by_key(read_lines(tmp_path / "out"))
