"""The command line: what it does when it is used well, and what it says when it is not.

Bad input gets one clear line with a CDC:Err code and exit status 1, and changes nothing.
"""

import json
import re
import uuid

import pytest

from harness.cdc import ERROR_LINE, Cli, Ended, run
from harness.process import free_port, wait_until
from harness import programs

BLACKHOLE = "blackhole://"


def assert_refused(ended: Ended, mentions: str = "") -> None:
    assert ended.status == 1, str(ended)
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    assert len(lines) == 1, f"one line should say it: {ended}"
    assert ERROR_LINE.search(lines[0]), f"no CDC:Err code: {ended}"
    assert mentions.lower() in lines[0].lower(), f"does not name {mentions!r}: {ended}"


def create(cli: Cli, *args: str, sink: str = BLACKHOLE, name: str | None = None) -> Ended:
    name = name or f"bad-{uuid.uuid4().hex[:8]}"
    arguments = [f"--sink-uri={sink}", f"--changefeed-id={name}", "--no-confirm", *args]
    return cli.run("changefeed", "create", *arguments, deadline_s=90)


@pytest.fixture
def cli(cdc):
    """The command line; a changefeed that a test was not meant to make fails the test."""
    before = cdc.cli.changefeed_ids()
    yield cdc.cli
    assert cdc.cli.changefeed_ids() == before, "something changed"


@pytest.fixture
def own_cli(cdc):
    """For tests that make changefeeds; they are removed."""
    before = cdc.cli.changefeed_ids()
    yield cdc.cli
    for changefeed_id in set(cdc.cli.changefeed_ids()) - set(before):
        cdc.cli.run("changefeed", "remove", "-c", changefeed_id).ok()


@pytest.mark.parametrize(
    "uri, mentions",
    [
        ("", ""),
        ("no uri at all", ""),
        ("ftp://127.0.0.1/", "ftp"),
        ("mysql://root@127.0.0.1:notaport/", ""),
        ("mysql://root@127.0.0.1:3306/?worker-count=none", "worker-count"),
        ("mysql://root@127.0.0.1:3306/?worker-cuont=4", "worker-cuont"),
        ("mysql://root@127.0.0.1:3306/?tidb-txn-mode=hopeful", "tidb-txn-mode"),
    ],
)
def test_bad_sink_uri_is_refused(cli, uri, mentions):
    assert_refused(create(cli, sink=uri), mentions)


@pytest.mark.parametrize(
    "text, mentions",
    [
        ("force-replicat = true\n", "force-replicat"),
        ("[filter]\nrulez = ['*.*']\n", "rulez"),
        ("force-replicate = 'perhaps'\n", "force-replicate"),
        ("[filter]\nrules = ['a.b.c.d']\n", "a.b.c.d"),
        ("this is not TOML", ""),
    ],
)
def test_bad_config_is_refused(cli, tmp_path, text, mentions):
    config = tmp_path / "bad.toml"
    config.write_text(text, encoding="utf-8")
    assert_refused(create(cli, f"--config={config}"), mentions)


def test_config_file_that_is_not_there_is_refused(cli, tmp_path):
    assert_refused(create(cli, f"--config={tmp_path}/none.toml"), "none.toml")


@pytest.mark.parametrize(
    "name", ["with space", "under_score", "-starts", "ends-", "a--b", "slash/ed", "x" * 129]
)
def test_bad_changefeed_id_is_refused(cli, name):
    assert_refused(create(cli, name=name))


def test_duplicate_changefeed_id_is_refused(own_cli):
    first = own_cli.create(BLACKHOLE)
    before = first.query()["info"]
    assert_refused(create(own_cli, name=first.id, sink="blackhole://other"), first.id)
    assert first.query()["info"]["sink-uri"] == before["sink-uri"]


def test_unreachable_sink_is_refused(cli):
    assert_refused(create(cli, sink=f"mysql://root@127.0.0.1:{free_port()}/"))


def test_wrong_password_is_refused(cli, mariadb):
    assert_refused(create(cli, sink=f"mysql://nobody:wrong@127.0.0.1:{mariadb.port}/"))


@pytest.mark.parametrize(
    "command",
    [
        ["changefeed", "create", f"--sink-uri={BLACKHOLE}", "--no-confirm"],
        ["changefeed", "list"],
        ["capture", "list"],
        ["tso", "query"],
    ],
    ids=" ".join,
)
def test_unreachable_pd_is_refused(command):
    assert_refused(Cli(f"http://127.0.0.1:{free_port()}").run(*command, deadline_s=60))


def test_server_ends_when_pd_is_unreachable(tmp_path):
    arguments = [f"--pd=http://127.0.0.1:{free_port()}", f"--addr=127.0.0.1:{free_port()}"]
    arguments += [f"--data-dir={tmp_path}/data", f"--log-file={tmp_path}/cdc.log"]
    ended = run([programs.find("cdc"), "server", *arguments], 90)
    assert ended.status == 1 and ERROR_LINE.search(ended.stdout + ended.stderr), str(ended)


def test_start_ts_before_gc_is_refused(cli, upstream):
    wait_until(
        "garbage collection has a safe point",
        lambda: gc_safe_point(upstream) > 1,
        deadline_s=90,
    )
    assert_refused(create(cli, "--start-ts=1"), "GC")


def gc_safe_point(upstream) -> int:
    import urllib.request

    with urllib.request.urlopen(f"{upstream.pd}/pd/api/v1/gc/safepoint", timeout=5) as answer:
        return int(json.load(answer)["min_service_gc_safe_point"])


def test_start_ts_in_the_future_is_refused(cli, upstream):
    tomorrow = upstream.now_ts() + (86_400_000 << 18)
    assert_refused(create(cli, f"--start-ts={tomorrow}"))


@pytest.mark.parametrize("less", [0, 1, 10_000 << 18])
def test_target_ts_that_is_not_after_start_is_refused(cli, upstream, less):
    start = upstream.now_ts()
    assert_refused(create(cli, f"--start-ts={start}", f"--target-ts={start - less}"), "target")


@pytest.mark.parametrize("verb", ["query", "pause", "resume", "remove"])
def test_changefeed_that_is_not_there_is_refused(cli, verb):
    assert_refused(cli.run("changefeed", verb, "-c", "nobody"), "nobody")


def test_unknown_flag_and_command_are_refused(cli):
    for command in (["changefeed", "create", "--no-such-flag"], ["changefeed", "frobnicate"]):
        assert cli.run(*command).status != 0


def test_life_of_a_changefeed(own_cli, upstream):
    feed = own_cli.create(BLACKHOLE)
    assert feed.id in own_cli.changefeed_ids()
    feed.wait_for(upstream.now_ts(), deadline_s=20)
    feed.command("pause")
    wait_until("it is stopped", lambda: feed.query()["info"]["state"] == "stopped", 20)
    paused_at = feed.checkpoint_ts()
    feed.command("resume")
    feed.wait_for(max(upstream.now_ts(), paused_at + 1), deadline_s=30)
    feed.command("remove")
    wait_until("it is gone", lambda: feed.id not in own_cli.changefeed_ids(), 20)


def test_target_ts_finishes_a_changefeed(own_cli, upstream):
    target = upstream.now_ts() + (1_000 << 18)
    feed = own_cli.create(BLACKHOLE, None, f"--target-ts={target}")
    wait_until("it has finished", lambda: feed.query()["info"]["state"] == "finished", 20)
    assert feed.checkpoint_ts() >= target


def test_changefeed_without_an_id_gets_one(own_cli):
    before = set(own_cli.changefeed_ids())
    ended = own_cli.run("changefeed", "create", f"--sink-uri={BLACKHOLE}", "--no-confirm").ok()
    (new,) = set(own_cli.changefeed_ids()) - before
    assert uuid.UUID(new).version == 4 and new in ended.stdout


def test_tso_query_prints_a_timestamp_that_is_now(cli, upstream):
    before = upstream.now_ts()
    printed = int(re.search(r"\d{15,}", cli.run("tso", "query").ok().stdout).group())
    assert before < printed < upstream.now_ts()


def test_capture_list_shows_the_server(cli, cdc):
    """One entry, once the session of a server that a test killed has lapsed."""

    def only_capture():
        captures = cli.run("capture", "list").json()
        return captures[0] if len(captures) == 1 and captures[0]["is-owner"] else None

    capture = wait_until("it is the only capture, and owner", only_capture, 30)
    assert capture["address"] == cdc.address and capture["id"]


def test_version_is_printed():
    ended = run([programs.find("cdc"), "version"], 10).ok()
    assert re.search(r"release version", ended.stdout, re.IGNORECASE), str(ended)
