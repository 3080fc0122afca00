"""A Kafka broker of a test run: Apache Kafka from Maven Central, one node, its own controller."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from base64 import b64decode
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from . import maven, programs
from .cdc import Ended, run
from .process import Failed, Program, free_port, wait_until
from .programs import REPOSITORY

_POM = REPOSITORY / "tests" / "integration" / "kafka" / "pom.xml"
_ANSWER_S = 20


@dataclass(frozen=True)
class StoredMessage:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict = field(default_factory=dict)
    timestamp_ms: int = 0


class KafkaBroker(Program):
    """start() it, kill it, start() it again: it keeps its port and its data until stop()."""

    host = "127.0.0.1"

    def __init__(self, directory: Path, name: str = "kafka"):
        super().__init__(name, directory / f"{name}.log")
        self.directory = directory / name
        self.port = 0
        self._admin: AdminClient | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> "KafkaBroker":
        java = ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-cp", maven.class_path(_POM, "kafka")]
        java.append(f"-Dlog4j.configuration=file:{self.directory}/log4j.properties")
        properties = self.directory / "server.properties"
        if not properties.exists():
            self._configure(properties)
            format_data = ["kafka.tools.StorageTool", "format", "-c", str(properties)]
            done = subprocess.run(
                [*java, *format_data, "-t", "dGlkZXdpcmUtdGVzdHM", *self._format_options()],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise Failed(f"cannot format Kafka's data: {done.stdout}{done.stderr}")
        self.launch([*java, "kafka.Kafka", str(properties)])
        self.wait_ready(self._answers, 90)
        return self

    def _format_options(self) -> list[str]:
        return []

    def _configure(self, properties: Path) -> None:
        self.directory.mkdir(parents=True)
        self.port = free_port()
        settings = self._settings()
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        (self.directory / "log4j.properties").write_text(
            "log4j.rootLogger=WARN, out\n"
            "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\n"
        )

    def _settings(self) -> dict[str, str]:
        controller = free_port()
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{self.host}:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{self.host}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": f"{self.directory}/data",
            "offsets.topic.replication.factor": "1",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
        }

    def _answers(self) -> bool:
        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except Exception:  # pylint: disable=broad-exception-caught
            return False

    def stop(self, patience_s: float = 10) -> int | None:
        status = super().stop(patience_s)
        shutil.rmtree(self.directory / "data", ignore_errors=True)
        return status

    def admin(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        return self._admin

    def create_topic(self, topic: str, partitions: int = 3, **config: str) -> None:
        settings = {key.replace("_", "."): value for key, value in config.items()}
        new = NewTopic(topic, partitions, 1, config=settings)
        self.admin().create_topics([new])[topic].result(_ANSWER_S)
        wait_until(f"topic {topic}", lambda: self.partitions(topic) == partitions, _ANSWER_S)

    def partitions(self, topic: str) -> int:
        found = self.admin().list_topics(timeout=_ANSWER_S).topics.get(topic)
        return len(found.partitions) if found else 0

    def topics(self, prefix: str) -> list[str]:
        found = self.admin().list_topics(timeout=_ANSWER_S).topics
        return sorted(name for name in found if name.startswith(prefix))

    def messages(self, topic: str, deadline_s: float = 60) -> list[StoredMessage]:
        """All that is in the topic now, partition by partition."""
        found: list[StoredMessage] = []
        with closing(self._consumer()) as consumer:
            for partition in range(self.partitions(topic)):
                found += _read(consumer, topic, partition, deadline_s)
        return found

    def timed_values(self, topic: str) -> list[tuple[int, bytes]]:
        """All values that are in the topic now, each with its timestamp in milliseconds."""
        return [(m.timestamp_ms, m.value) for m in self.messages(topic) if m.value]

    def has_messages(self, topic: str) -> bool:
        """False also while the topic has no leader yet."""
        with closing(self._consumer()) as consumer:
            try:
                return any(
                    consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=_ANSWER_S)[1]
                    for p in range(self.partitions(topic))
                )
            except KafkaException:
                return False

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": uuid.uuid4().hex,
                "enable.auto.commit": False,
                "fetch.message.max.bytes": 64 << 20,
                "log_level": 0,
            }
        )

    def sink_uri(self, topic: str, parameters: str) -> str:
        return f"kafka://{self.address}/{topic}?{parameters}"


def _read(consumer: Consumer, topic: str, partition: int, deadline_s: float) -> list[StoredMessage]:
    at = TopicPartition(topic, partition, 0)
    _, end = consumer.get_watermark_offsets(at, timeout=_ANSWER_S)
    found: list[StoredMessage] = []
    if end == 0:
        return found
    consumer.assign([at])

    def poll() -> bool:
        message = consumer.poll(0.2)
        if message is None:
            return False
        if message.error():
            raise Failed(f"reading {topic}: {message.error()}")
        found.append(
            StoredMessage(
                topic,
                partition,
                message.offset(),
                message.key(),
                message.value(),
                timestamp_ms=message.timestamp()[1],
            )
        )
        return message.offset() + 1 >= end

    wait_until(f"{end} messages of {topic}/{partition}", poll, deadline_s, every_s=0)
    return found


@dataclass
class TopicReplay:
    """cdc-kafka-consumer: topics into a database."""

    upstream_uri: str
    downstream_uri: str
    progress: Path | None = None
    topics: list[str] = field(default_factory=list)  # beside that of the URI
    config: Path | None = None  # the changefeed's

    def argv(self, target_ts: int | None = None) -> list[str]:
        argv = [programs.find("cdc-kafka-consumer"), "--upstream-uri", self.upstream_uri]
        argv += ["--downstream-uri", self.downstream_uri, "--tz", "UTC"]
        argv += [f"--progress-file={self.progress}"] if self.progress else []
        argv += [f"--config={self.config}"] if self.config else []
        argv += [f"--topics={','.join(self.topics)}"] if self.topics else []
        return argv + ([f"--target-ts={target_ts}"] if target_ts else [])

    def run_to(self, target_ts: int, deadline_s: float) -> Ended:
        """Until everything up to `target_ts` is applied."""
        return run(self.argv(target_ts), deadline_s).ok()


class ConsumerProgram(Program):
    """A replay that goes on until it is stopped, and from where it was when it is started again."""

    def __init__(self, directory: Path, replay: TopicReplay, name: str = "consumer"):
        super().__init__(name, directory / f"{name}.log")
        self.replay = replay

    def start(self) -> "ConsumerProgram":
        self.launch(self.replay.argv() + ["--log-level=info"])
        return self

    def ensure(self) -> "ConsumerProgram":
        return self if self.alive() else self.start()


def rows_by_key(messages: list[StoredMessage]) -> dict:
    """Commit timestamps of each row's canal-json messages, in the order of each partition."""
    found: dict = {}
    for m in messages:
        row = json.loads(m.value)
        if row["isDdl"] or row["type"] == "TIDB_WATERMARK":
            continue
        keys = tuple(row["data"][0][name] for name in row["pkNames"])
        place = (row["database"], row["table"], keys)
        found.setdefault(place, []).append(row["_tidb"]["commitTs"])
    return found


def read_lines(path: Path) -> list[StoredMessage]:
    """What cdc-replay --out wrote."""

    def decoded(text: str | None) -> bytes | None:
        return None if text is None else b64decode(text)

    with open(path, encoding="utf-8") as lines:
        return [
            StoredMessage(**fields | {name: decoded(fields[name]) for name in ("key", "value")})
            for fields in map(json.loads, lines)
        ]
