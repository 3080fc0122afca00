"""The HTTP interface: every path that the node's OpenAPI document names, and requests that land on
a node that is not the owner."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest

from harness.cdc import CdcServer
from harness.http import Answer, OpenApi, ask
from harness.process import wait_until

FEEDS = "/api/v2/changefeeds"


@pytest.fixture
def node(cdc) -> str:
    return f"http://{cdc.address}"


@pytest.fixture(scope="module")
def table(upstream):
    """Without tables a changefeed has no processor."""
    upstream.query("CREATE DATABASE IF NOT EXISTS http_api")
    upstream.query("CREATE TABLE IF NOT EXISTS http_api.t (id INT PRIMARY KEY)")
    yield "http_api.t"
    upstream.query("DROP DATABASE http_api")


@pytest.fixture
def feed(node, table):
    """A changefeed of one table; removed afterwards."""
    name = f"http-{uuid.uuid4().hex[:8]}"
    body = {"changefeed_id": name, "sink_uri": "blackhole://"}
    body["replica_config"] = {"filter": {"rules": [table]}}
    made = ask(f"{node}{FEEDS}", "POST", body)
    assert made.status == 200, made
    wait_until(
        "a processor runs",
        lambda: ask(f"{node}{FEEDS}/{name}").json()["task_status"],
        30,
    )
    yield name
    ask(f"{node}{FEEDS}/{name}", "DELETE")


@pytest.fixture(scope="module")
def second(scratch, upstream, _cdc):
    """Another capture of the same cluster; which of the two is the owner, a test must ask."""
    _cdc.ensure()
    server = CdcServer(scratch, upstream.pd, "cdc-second")
    server.start()
    yield server
    server.stop()


def captures(node: str) -> list[dict]:
    return ask(f"{node}/api/v2/captures").json()["items"]


def test_every_path_of_the_document_answers_as_it_says(cdc, node, feed, second):
    api = OpenApi(ask(f"{node}/openapi.json").json())
    called = []

    def call(method: str, path: str, target: str | None = None, body=None, **more) -> Answer:
        answer = ask(f"{node}{target or path}", method, body, **more)
        assert api.problems(method, path, answer) == [], f"{method} {target or path}: {answer}"
        called.append((method, path))
        return answer

    # What changes nothing.
    by_id = {"{changefeed_id}": feed, "{capture_id}": captures(node)[0]["id"], "{fail_point}": "p"}
    for method, path in api.operations():
        if method != "GET" or "fail" in path:
            continue
        target = f"{path}?seconds=1" if "pprof" in path else path
        for name, value in by_id.items():
            target = target.replace(name, value)
        if "processors/" in path:
            capture = ask(f"{node}{FEEDS}/{feed}").json()["task_status"][0]["capture_id"]
            target = path.replace("{changefeed_id}", feed).replace("{capture_id}", capture)
        call(method, path, target)

    # The node.
    call("POST", "/admin/log", body='"info"')
    for version in ("v1", "v2"):
        call("POST", f"/api/{version}/log", body={"log_level": "info"})
    call("POST", "/api/v2/tso")
    call("POST", "/api/v2/verify_table", body={"replica_config": {"filter": {"rules": ["x.*"]}}})
    call("POST", "/api/v2/get_all_tables", body={})
    call("POST", "/api/v2/unsafe/resolve_lock", body={"region_id": region_of(node, feed)})

    # Changefeeds, in both versions.
    one = "/{changefeed_id}"
    for base, extra in (("/api/v1/changefeeds", {}), (FEEDS, {"replica_config": {}})):
        name = f"http-{uuid.uuid4().hex[:8]}"
        body = {"changefeed_id": name, "sink_uri": "blackhole://", **extra}
        call("POST", base, body=body)
        call("POST", f"{base}{one}/pause", f"{base}/{name}/pause")
        call("PUT", f"{base}{one}", f"{base}/{name}", {"sink_uri": "blackhole://changed"})
        assert ask(f"{node}{FEEDS}/{name}").json()["sink_uri"] == "blackhole://changed"
        call("POST", f"{base}{one}/resume", f"{base}/{name}/resume", {})
        call("DELETE", f"{base}{one}", f"{base}/{name}")
        assert ask(f"{node}{FEEDS}/{name}").status == 404

    # Tables and captures.
    target = captures(node)[0]["id"]
    move = {"capture_id": target, "table_id": 1}
    tables = f"/api/v1/changefeeds{one}/tables"
    call("POST", f"{tables}/move_table", f"/api/v1/changefeeds/{feed}/tables/move_table", move)
    call(
        "POST",
        f"{tables}/rebalance_table",
        f"/api/v1/changefeeds/{feed}/tables/rebalance_table",
    )
    query = f"?tableID=1&targetNodeID={target}"
    call("POST", f"{FEEDS}{one}/move_table", f"{FEEDS}/{feed}/move_table{query}")
    other = next(c["id"] for c in captures(node) if not c["is_owner"])
    call("PUT", "/api/v1/captures/drain", body={"capture_id": other})
    call("POST", "/api/v2/captures/{capture_id}/drain", f"/api/v2/captures/{other}/drain")

    call_the_first_generation(api, node, feed, called)
    call_fail_points(api, call)
    call("DELETE", "/api/v2/unsafe/service_gc_safepoint")
    for version in ("v1", "v2"):
        path = f"/api/{version}/owner/resign"
        # While ownership changes hands a node may say 503: try again.
        answer = wait_until(
            "an owner resigns",
            lambda p=path: (a := ask(f"{node}{p}", "POST")).status != 503 and a,
            60,
        )
        assert api.problems("POST", path, answer) == [], answer
        called.append(("POST", path))
        wait_until("someone is the owner", lambda: ask(f"{node}/api/v2/health").status == 200, 60)
    missing = sorted(set(api.operations()) - set(called))
    assert not missing, f"not called: {missing}"


def region_of(node: str, feed: str) -> int:
    """The region of the changefeed's table; one node has it."""
    for capture in captures(node):
        for table in ask(f"http://{capture['address']}{FEEDS}/{feed}/tables").json()["items"]:
            if table["slowest_region"]:
                return table["slowest_region"]
    raise AssertionError("no node has a region of the table")


def call_the_first_generation(api: OpenApi, node: str, feed: str, called: list) -> None:
    """Forms, and only the owner's port answers."""
    owner = wait_until(
        "there is an owner", lambda: next((c for c in captures(node) if c["is_owner"]), None), 60
    )
    other = next((c for c in captures(node) if not c["is_owner"]), None)
    paths = {
        "/capture/owner/changefeed/query": f"cf-id={feed}",
        "/capture/owner/rebalance_trigger": f"cf-id={feed}",
        "/capture/owner/move_table": f"cf-id={feed}&table-id=1&target-cp-id={owner['id']}",
        "/capture/owner/admin": f"cf-id={feed}&admin-job=2",
        "/capture/owner/resign": "",
    }
    for path, form in paths.items():
        form_type = "application/x-www-form-urlencoded"
        if other:
            refused = ask(f"http://{other['address']}{path}", "POST", form, form_type)
            assert refused.status == 400 and "CDC:ErrNotOwner" in refused.body, refused
        answer = ask(f"http://{owner['address']}{path}", "POST", form, form_type)
        assert api.problems("POST", path, answer) == [], f"{path}: {answer}"
        called.append(("POST", path))


def call_fail_points(api: OpenApi, call) -> None:
    if ("POST", "/debug/failpoints") not in api.operations():
        return  # a release build
    call("POST", "/debug/failpoints", body={"name": "test-point", "expr": "return(1)"})
    assert call("GET", "/debug/failpoints").json()
    by_name = "/debug/fail/{fail_point}"
    long_name = "/debug/fail/github.com/pingcap/ticdc/cdc/owner/test-point"
    call("PUT", by_name, long_name, "return(2)", content_type="text/plain")
    assert call("GET", by_name, long_name).body.strip() == "return(2)"
    call("DELETE", by_name, long_name)
    call("POST", "/debug/failpoints", body={"name": "test-point", "expr": "off"})
    call("DELETE", "/debug/failpoints", "/debug/failpoints?name=test-point")


def test_any_node_passes_requests_on_to_the_owner(node, feed, second):
    for address in (node.removeprefix("http://"), second.address):
        base = f"http://{address}{FEEDS}/{feed}"
        assert ask(f"{base}/pause", "POST").json() == {}
        assert ask(f"{base}/status").json()["state"] == "stopped"
        assert ask(f"{base}/resume", "POST", {}).json() == {}
        assert ask(f"{base}/status").json()["state"] == "normal"


def test_errors_have_a_message_a_code_and_the_right_status(node, feed, second):
    for address in (node.removeprefix("http://"), second.address):
        base = f"http://{address}"
        for method, path, body, status, code in (
            ("GET", f"{FEEDS}/nobody", None, 404, "CDC:ErrChangeFeedNotExists"),
            ("POST", f"{FEEDS}/nobody/pause", None, 404, "CDC:ErrChangeFeedNotExists"),
            ("GET", f"{FEEDS}/a_b", None, 400, "CDC:ErrInvalidChangefeedID"),
            ("PUT", f"{FEEDS}/{feed}", {}, 400, "CDC:ErrChangefeedUpdateRefused"),
            ("POST", FEEDS, "{", 400, "CDC:ErrAPIInvalidParam"),
            ("POST", FEEDS, {"sink_uri": "ftp://x/"}, 400, "CDC:ErrSinkURIInvalid"),
            ("POST", FEEDS, {"changefeed_id": feed, "sink_uri": "blackhole://"}, 400,
             "CDC:ErrChangeFeedAlreadyExists"),
            ("POST", FEEDS, {"sink_uri": "blackhole://", "start_ts": 2, "target_ts": 1}, 400,
             "CDC:ErrTargetTsBeforeStartTs"),
            ("POST", "/api/v2/captures/nobody/drain", None, 404, "CDC:ErrCaptureNotExist"),
            ("POST", "/api/v2/log", {"log_level": "loud"}, 400, "CDC:ErrInvalidServerOption"),
            ("GET", "/api/v2/nothing", None, 404, "CDC:ErrAPIInvalidParam"),
        ):
            answer = ask(f"{base}{path}", method, body)
            assert answer.status == status, f"{method} {path}: {answer}"
            assert answer.json()["error_code"] == code, f"{method} {path}: {answer}"
            assert answer.json()["error_msg"].startswith(f"[{code}]"), answer


def test_a_request_is_not_passed_on_for_ever(node, second):
    wait_until("someone is the owner", lambda: ask(f"{node}/api/v2/health").status == 200, 60)
    other = next(c["address"] for c in captures(node) if not c["is_owner"])
    headers = {"TiCDC-ForwardTimes": "2"}
    answer = ask(f"http://{other}/api/v2/owner/resign", "POST", headers=headers)
    assert answer.status == 503 and answer.json()["error_code"] == "CDC:ErrRequestForwardErr"


def test_the_password_of_a_sink_is_never_shown(node, mariadb):
    name = f"http-{uuid.uuid4().hex[:8]}"
    uri = f"mysql://nobody:hush-hush@127.0.0.1:{mariadb.port}/"
    refused = ask(f"{node}{FEEDS}", "POST", {"changefeed_id": name, "sink_uri": uri})
    assert refused.status == 400 and "hush-hush" not in refused.body, refused


def test_every_metric_is_described(node, feed):
    described = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
    listed = set(re.findall(r"`(\w+)`", described.read_text(encoding="utf-8")))

    def names() -> set[str]:
        texts = [ask(f"http://{c['address']}/metrics").body for c in captures(node)]
        return set(re.findall(r"^# TYPE (\w+) ", "".join(texts), re.MULTILINE))

    wait_until("the owner shows the changefeed", lambda: "ticdc_owner_status" in names(), 20)
    assert {"process_cpu_seconds_total", "ticdc_owner_ownership_counter"} <= names()
    unlisted = sorted(names() - listed)
    assert not unlisted, f"not in docs/metrics.md: {unlisted}"
