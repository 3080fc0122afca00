"""Three captures that write one changefeed to Kafka, and lose each other meanwhile.

The owner sends watermarks and schema changes, each capture the rows of its tables. What a consumer
relies on: behind a watermark, a partition has no row up to it that it has not had before. And what
it replays by that is what the upstream has.

The seed of the load is printed and can be given: CDC_SEED=N.
"""

import json
import os
import random
import uuid

import pytest

from harness.cluster import Cluster, Load, contents, wait_progress
from harness.databases import Playground
from harness.kafka import ConsumerProgram, KafkaBroker, StoredMessage, TopicReplay
from harness.process import wait_until

pytestmark = pytest.mark.xdist_group("kafka")

DATABASE = "kafka_cluster"
TABLES = 6
DEADLINE_S = 180
SEED = int(os.environ.get("CDC_SEED") or random.SystemRandom().randrange(1 << 32))


@pytest.fixture(scope="module")
def kafka(scratch):
    broker = KafkaBroker(scratch, "kafka-cluster")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module", name="cluster")
def _cluster(scratch):
    upstream = Playground(scratch, "kafka-cluster-upstream").start()
    cluster = Cluster(scratch, upstream).start()
    try:
        yield cluster
    finally:
        cluster.stop()
        upstream.stop()


def assert_watermarks_hold(messages: list[StoredMessage]) -> int:
    """How many watermarks there were; messages are in the order of their partitions."""
    watermark: dict[int, int] = {}
    seen: set = set()
    count = 0
    for m in messages:
        row = json.loads(m.value)
        ts = row["_tidb"]["watermarkTs" if row["type"] == "TIDB_WATERMARK" else "commitTs"]
        if row["type"] == "TIDB_WATERMARK":
            watermark[m.partition] = max(ts, watermark.get(m.partition, 0))
            count += 1
            continue
        change = (m.partition, ts, row["type"], row["table"], json.dumps(row["data"]))
        new = change not in seen
        seen.add(change)
        late = ts <= watermark.get(m.partition, 0)
        assert not (new and late), f"{change} came behind watermark {watermark[m.partition]}"
    return count


def test_watermarks_of_several_captures_hold(request, cluster, kafka, mariadb, tmp_path):
    print(f"CDC_SEED={SEED}")
    topic = f"c-{uuid.uuid4().hex[:12]}"
    kafka.create_topic(topic, 3)
    config = tmp_path / "feed.toml"
    config.write_text(
        f'[filter]\nrules = ["{DATABASE}.*"]\n'
        '[[sink.dispatchers]]\nmatcher = ["*.*"]\npartition = "index-value"\n'
    )
    uri = kafka.sink_uri(topic, "protocol=canal-json&enable-tidb-extension=true")
    mariadb.drop([DATABASE])
    feed = cluster.cli.create(uri, topic, f"--config={config}")
    replay = TopicReplay(uri, mariadb.sink_uri(), tmp_path / "progress")
    consumer = ConsumerProgram(tmp_path, replay)
    request.addfinalizer(consumer.stop)
    consumer.start()

    def writers() -> int:
        return sum(bool(tables) for tables in cluster.tables(feed.id).values())

    with Load(cluster.upstream, DATABASE, TABLES, SEED) as load:
        wait_progress(feed)
        cluster.owner().post("/capture/owner/rebalance_trigger", **{"cf-id": feed.id})
        wait_until("all three captures have tables", lambda: writers() == 3, 30)
        wait_progress(feed)
        victim = cluster.others(cluster.owner())[0]
        victim.kill()
        wait_progress(feed)
        cluster.upstream.query(f"ALTER TABLE {DATABASE}.t0 MODIFY COLUMN note VARCHAR(60)")
        owner = cluster.owner()
        owner.kill()
        consumer.kill()
        consumer.start()
        cluster.owner(cluster.others(owner))
        wait_progress(feed)
        for node in (victim, owner):
            node.start(wait=False)
        wait_progress(feed)
        end_ts = load.finish()
    feed.wait_for(end_ts, DEADLINE_S)
    consumer.stop()
    replay.run_to(end_ts, DEADLINE_S)
    want = contents(cluster.upstream, DATABASE, load.tables)
    assert contents(mariadb, DATABASE, load.tables) == want
    assert assert_watermarks_hold(kafka.messages(topic)) > 0
    feed.command("remove")
