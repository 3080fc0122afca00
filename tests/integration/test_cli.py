"""The command line: what it does when it is used well, and what it says when it is not.

Bad input gets one clear line with a CDC:Err code and exit status 1, and changes nothing.
"""

import json
import re
import signal
import subprocess
import time
import uuid

import pytest

from harness.cdc import ERROR_LINE, Cli, Ended, die_with_parent, run
from harness.process import free_port, wait_until
from harness import programs

BLACKHOLE = "blackhole://"
LOG_LINE = re.compile(r"\[\d{4}/\d\d/\d\d ")  # the command line logs warnings


def assert_refused(ended: Ended, mentions: str = "") -> None:
    assert ended.status == 1, str(ended)
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    lines = [line for line in lines if not LOG_LINE.match(line)]
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


@pytest.mark.parametrize(
    "text, mentions",
    [
        ("[[sink.column-selectors]]\nmatcher = ['*.*']\ncolumns = ['v']\n", "selected.t"),
        (
            "[[sink.column-selectors]]\nmatcher = ['*.*']\ncolumns = ['*', '!v']\n"
            "[[sink.dispatchers]]\nmatcher = ['*.*']\npartition = 'columns'\ncolumns = ['v']\n",
            "column v",
        ),
        (
            "[[sink.dispatchers]]\nmatcher = ['*.*']\npartition = 'index-value'\nindex = 'kv'\n",
            "not unique",
        ),
        (
            "[[sink.dispatchers]]\nmatcher = ['*.*']\npartition = 'columns'\ncolumns = ['w']\n",
            "no column w",
        ),
    ],
)
def test_rules_that_do_not_fit_a_table_are_refused(cli, upstream, tmp_path, text, mentions):
    """Before the broker is asked: there is none."""
    upstream.query("CREATE DATABASE IF NOT EXISTS selected")
    upstream.query("CREATE TABLE IF NOT EXISTS selected.t (id INT PRIMARY KEY, v INT, KEY kv (v))")
    config = tmp_path / "rules.toml"
    config.write_text("[filter]\nrules = ['selected.*']\n" + text, encoding="utf-8")
    sink = "kafka://127.0.0.1:1/topic?protocol=canal-json"
    assert_refused(create(cli, f"--config={config}", sink=sink), mentions)


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


def cdc_command(*arguments: str, text: str = "", deadline_s: float = 60) -> Ended:
    """`cdc ...` with something on its standard input."""
    argv = [programs.find("cdc"), *arguments]
    done = subprocess.run(
        argv,
        input=text.encode(),
        capture_output=True,
        timeout=deadline_s,
        preexec_fn=die_with_parent,
        check=False,
    )
    return Ended(argv, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(params=["--pd", "--server"])
def either(request, cdc):
    """The command line by way of etcd and PD, and by way of a node."""
    place = cdc.pd if request.param == "--pd" else f"http://{cdc.address}"

    def call(*arguments: str, text: str = "") -> Ended:
        return cdc_command("cli", f"{request.param}={place}", *arguments, text=text)

    return call


@pytest.fixture(scope="module")
def table(upstream):
    """Without tables a changefeed has no processor."""
    upstream.query("CREATE DATABASE IF NOT EXISTS cli_either")
    upstream.query("CREATE TABLE IF NOT EXISTS cli_either.t (id INT PRIMARY KEY)")
    yield
    upstream.query("DROP DATABASE cli_either")


def state_of(call, name: str) -> str:
    return call("changefeed", "query", "-s", "-c", name).json()["state"]


def test_a_changefeed_lives_by_either_way(own_cli, either, table):
    name = f"way-{uuid.uuid4().hex[:8]}"
    made = either("changefeed", "create", "-c", name, f"--sink-uri={BLACKHOLE}", "--no-confirm").ok()
    assert f"ID: {name}" in made.stdout
    assert name in [feed["id"] for feed in either("changefeed", "list").json()]
    wait_until(
        "a processor runs",
        lambda: name in [p["id"] for p in either("processor", "list").json()],
        30,
    )
    (capture,) = [p["capture-id"] for p in either("processor", "list").json() if p["id"] == name]
    assert set(either("processor", "query", "-c", name, "-p", capture).json()) == {
        "status",
        "position",
    }
    detail = either("changefeed", "query", "-c", name).json()
    assert set(detail) == {"info", "status", "count", "task-status"}
    assert detail["info"]["sink-uri"] == BLACKHOLE and detail["status"]["checkpoint-ts"] > 0
    either("changefeed", "pause", "-c", name).ok()
    wait_until("it is stopped", lambda: state_of(either, name) == "stopped", 20)
    either("changefeed", "resume", "-c", name, "--no-confirm").ok()
    wait_until("it runs", lambda: state_of(either, name) == "normal", 20)
    either("changefeed", "remove", "-c", name).ok()
    wait_until(
        "it is gone",
        lambda: name not in [feed["id"] for feed in either("changefeed", "list").json()],
        20,
    )


def test_an_update_shows_the_difference_and_asks(own_cli, either, tmp_path):
    feed = own_cli.create(BLACKHOLE)
    config = tmp_path / "feed.toml"
    config.write_text("[filter]\nrules = ['shop.*']\n", encoding="utf-8")
    update = ("changefeed", "update", "-c", feed.id, f"--config={config}")
    running = either(*update, "--no-confirm")
    assert running.status == 1 and "CDC:ErrChangefeedUpdateRefused" in running.stderr, str(running)
    feed.command("pause")
    wait_until("it is stopped", lambda: feed.query()["info"]["state"] == "stopped", 20)
    declined = either(*update, text="n\n")
    assert declined.status == 1 and "CDC:ErrCliAborted" in declined.stderr, str(declined)
    assert 'config.filter.rules: ["*.*"] -> ["shop.*"]' in declined.stdout, str(declined)
    assert feed.query()["info"]["config"]["filter"]["rules"] == ["*.*"]
    either(*update, text="y\n").ok()
    assert feed.query()["info"]["config"]["filter"]["rules"] == ["shop.*"]
    again = either(*update, text="y\n").ok()
    assert "same with the old one" in again.stdout


def test_a_resume_may_go_on_from_elsewhere(own_cli, either, upstream):
    feed = own_cli.create(BLACKHOLE)
    feed.command("pause")
    wait_until("it is stopped", lambda: feed.query()["info"]["state"] == "stopped", 20)
    resume = ("changefeed", "resume", "-c", feed.id, "--no-confirm")
    for wrong in ("soon", "0", str(upstream.now_ts() + (3_600_000 << 18))):
        refused = either(*resume, f"--overwrite-checkpoint-ts={wrong}")
        assert "CDC:ErrCliInvalidCheckpointTs" in refused.stderr, str(refused)
    now = upstream.now_ts()
    either(*resume, "--overwrite-checkpoint-ts=now").ok()
    assert feed.checkpoint_ts() >= now


def test_statistics_are_printed_again_and_again(own_cli, either, cdc):
    feed = own_cli.create(BLACKHOLE)
    argv = [programs.find("cdc"), "cli", f"--pd={cdc.pd}", "changefeed", "statistics"]
    with subprocess.Popen(
        [*argv, "-c", feed.id, "-I", "1"], stdout=subprocess.PIPE, preexec_fn=die_with_parent
    ) as process:
        lines = [process.stdout.readline().decode() for _ in range(12)]  # two objects
        process.kill()
    text = "".join(lines)
    assert text.count('"replication_gap"') == 2 and text.count('"ops"') == 2, text


def test_interactive_commands(cdc):
    lines = 'capture list\nchangefeed  "list"\nfrobnicate\ntso query\nexit\ntso query\n'
    ended = cdc_command("cli", "-i", f"--pd={cdc.pd}", text=lines)
    assert ended.status == 0 and cdc.address in ended.stdout, str(ended)
    assert len(re.findall(r"^\d{15,}$", ended.stdout, re.MULTILINE)) == 1, str(ended)
    assert 'unknown command "frobnicate"' in ended.stderr, str(ended)


@pytest.mark.parametrize(
    "words, mentions",
    [
        (["servr"], 'unknown command "servr", did you mean "server"?'),
        (["cli", "changefed", "list"], 'did you mean "changefeed"?'),
        (["cli", "changefeed", "lst"], 'did you mean "list"?'),
        (["server", "--addrs=x"], 'unknown flag "--addrs", did you mean "--addr"?'),
    ],
    ids=str,
)
def test_a_mistyped_word_is_named_with_the_one_that_was_meant(words, mentions):
    assert_refused(cdc_command(*words), mentions)


def test_help_teaches_by_example():
    for words in ([], ["server"], ["cli"], ["cli", "changefeed", "create"]):
        ended = cdc_command(*words, "--help").ok()
        assert "Example" in ended.stdout and "  cdc " in ended.stdout, str(ended)


def test_bash_completes_words():
    script = """
source <("$0" completion bash)
COMP_WORDS=("$0" cli changefeed re) COMP_CWORD=3
_cdc_complete
printf '%s\n' "${COMPREPLY[@]}"
"""
    argv = ["bash", "-c", script, programs.find("cdc")]
    done = subprocess.run(argv, capture_output=True, timeout=30, check=False)
    assert done.stdout.decode().split() == ["remove", "resume"], done


def test_metadata_can_be_shown_by_either_way(either, cdc):
    ended = either("unsafe", "show-metadata").ok()
    assert re.search(r"Key: /tidb/cdc/capture/.*, Value: ", ended.stdout), str(ended)
    assert re.search(r"Show \d+ KVs", ended.stdout), str(ended)


def test_unsafe_commands_ask(either):
    for command in ("reset", "delete-service-gc-safepoint"):
        declined = either("unsafe", command, text="n\n")
        assert "CDC:ErrCliAborted" in declined.stderr, str(declined)
    either("unsafe", "delete-service-gc-safepoint", "--no-confirm").ok()


def test_a_node_that_does_not_answer_is_named():
    address = f"127.0.0.1:{free_port()}"
    assert_refused(cdc_command("cli", f"--server=http://{address}", "capture", "list"), address)


def test_a_second_signal_ends_a_server_at_once(tmp_path):
    """Nothing answers at the address, so the server is still looking for PD."""
    argv = [programs.find("cdc"), "server", f"--pd=http://127.0.0.1:{free_port()}"]
    argv += [f"--addr=127.0.0.1:{free_port()}", f"--data-dir={tmp_path}/data"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, preexec_fn=die_with_parent) as process:
        assert b"welcome" in process.stderr.readline()
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 1 and time.monotonic() - started < 2


def test_server_settings_are_strict(tmp_path):
    config = tmp_path / "server.toml"
    config.write_text("adr = '127.0.0.1:1'\n[sorter]\nfoo = 1\n", encoding="utf-8")
    ended = cdc_command("server", f"--config={config}")
    assert ended.status == 1 and "adr" in ended.stderr and "sorter.foo" in ended.stderr, str(ended)


def test_the_log_level_can_be_changed_and_full_logs_are_kept_apart(cdc):
    from harness.http import ask  # pylint: disable=import-outside-toplevel

    for level in ("debug", "info"):
        assert ask(f"http://{cdc.address}/admin/log", "POST", f'"{level}"').status == 200
    assert ask(f"http://{cdc.address}/admin/log", "POST", '"loud"').status == 400


def test_reset_deletes_what_the_cluster_has_and_nothing_else(cli, cdc):
    """Of a cluster of another name, without nodes, at the same PD."""
    other = ("cli", f"--pd={cdc.pd}", "--cluster-id=other")
    made = ("changefeed", "create", "-c", "lost", f"--sink-uri={BLACKHOLE}", "--no-confirm")
    cdc_command(*other, *made).ok()
    assert "lost" in cdc_command(*other, "changefeed", "list").ok().stdout
    cdc_command(*other, "unsafe", "reset", "--no-confirm").ok()
    assert cdc_command(*other, "changefeed", "list").json() == []
    assert cli.run("capture", "list").json(), "the nodes of the first cluster are still there"
