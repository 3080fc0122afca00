"""kill -9 of server, broker and consumer at random moments under load, all the way: a TiDB, the
server, a Kafka broker, cdc-kafka-consumer, a MariaDB. Nothing is lost, and no row's changes ever
arrive out of order.

The seed of the moments is printed and can be given: CDC_SEED=N. CDC_KILLS=N sets how often.
"""

import os
import random
import uuid

import pytest

from compare_state import compare
from harness import expectations
from harness.cases import case_named
from harness.kafka import ConsumerProgram, KafkaBroker, TopicReplay, rows_by_key
from test_kill import EndlessWorkload, bank_total, let_run, let_run_until_progress

KILLS = int(os.environ.get("CDC_KILLS", "10"))  # for each of the workloads
DEADLINE_S = 180
pytestmark = pytest.mark.xdist_group("kafka")

CONFIG = """
[[sink.dispatchers]]
matcher = ["*.*"]
topic = "{topic}-{{table}}"
partition = "index-value"
"""


@pytest.fixture(scope="module")
def kafka(scratch):
    broker = KafkaBroker(scratch, "kafka-kill")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def kill_again_and_again(programs, workload, feed, moments: random.Random) -> None:
    """Server and broker in turn, the consumer now and then beside them."""
    cdc, kafka, consumer = programs
    for i in range(KILLS):
        if moments.random() < 0.6:  # at work
            let_run_until_progress(workload, feed)
            let_run(workload, moments.uniform(0, 2))
        else:  # anywhere between start and work
            let_run(workload, moments.uniform(0, 8))
        victim = (cdc, kafka)[i % 2]
        victim.kill()
        if moments.random() < 0.5:
            consumer.kill()
        let_run(workload, moments.uniform(0, 1))
        if victim is cdc:
            cdc.start(wait=False)
        else:
            kafka.start()
        consumer.ensure()


def assert_ordered(messages) -> None:
    """What a partition has of a row begins with each commit in its order; repetitions may follow."""
    for key, commits in rows_by_key(messages).items():
        first_seen = list(dict.fromkeys(commits))
        assert first_seen == sorted(first_seen), f"{key}: {first_seen}"


@pytest.mark.parametrize(
    "name,protocol",
    [
        ("20_bank", "protocol=canal-json&enable-tidb-extension=true"),
        ("22_ddl_under_load", "protocol=open-protocol"),
    ],
)
def test_kills_lose_nothing(name, protocol, request, cdc, kafka, upstream, mariadb, tmp_path):
    seed = int(os.environ.get("CDC_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"CDC_SEED={seed}")
    case = case_named(name)
    for server in (upstream, mariadb):
        server.drop(case.meta["databases"])
    topic = f"k-{uuid.uuid4().hex[:12]}"
    config = tmp_path / "feed.toml"
    config.write_text(CONFIG.format(topic=topic))
    uri = kafka.sink_uri(topic, protocol)
    feed = cdc.cli.create(uri, None, f"--config={config}")
    request.addfinalizer(lambda: feed.command("remove"))
    replay = TopicReplay(uri, mariadb.sink_uri(), tmp_path / "progress", [f"{topic}*"])
    consumer = ConsumerProgram(tmp_path, replay)
    request.addfinalizer(consumer.stop)
    consumer.start()
    with EndlessWorkload(case, upstream.target()) as workload:
        kill_again_and_again((cdc, kafka, consumer), workload, feed, random.Random(seed))
        workload.finish()
    end_ts, expected = upstream.now_ts(), upstream.dump(case.meta["databases"])
    feed.wait_for(end_ts, DEADLINE_S)
    consumer.stop()
    replay.run_to(end_ts, DEADLINE_S)
    want = expectations.arriving(expected, case, [], force_replicate=False)
    have = mariadb.dump(case.meta["databases"], like=expected)
    compare(want, have, expectations.rules_for(case, [], schema=False)).check()
    if name == "20_bank":
        assert bank_total(mariadb) == bank_total(upstream) == 1000 * 1000
        for found in kafka.topics(topic):
            assert_ordered(kafka.messages(found))
