"""TLS of the program as operators run it, with certificates made for the test: to etcd, to a node,
and what `cdc server` refuses. How a node treats its callers is in src/edge/api/tests.
"""

from __future__ import annotations

import http.client
import http.server
import json
import ssl
import subprocess
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import programs
from harness.cdc import ERROR_LINE, Changefeed, CdcServer, Ended, run
from harness.databases import Playground
from harness.process import Program, free_port, wait_until


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    """A CA that signs for 127.0.0.1."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder
        self.name = name
        self.cert = folder / f"{name}.pem"
        (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n", encoding="utf-8")
        self._openssl(
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            f"-keyout {name}.key -out {name}.pem -subj /CN={name}"
        )

    def sign(self, common_name: str) -> Pair:
        base = f"{self.name}-{common_name}"
        self._openssl(
            f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            f"-keyout {base}.key -out {base}.csr -subj /CN={common_name}"
        )
        self._openssl(
            f"x509 -req -in {base}.csr -CA {self.name}.pem -CAkey {self.name}.key "
            f"-CAcreateserial -out {base}.pem -days 2 -extfile san"
        )
        return Pair(self.folder / f"{base}.pem", self.folder / f"{base}.key")

    def _openssl(self, arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments.split()], cwd=self.folder, check=True, capture_output=True
        )


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ca")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls-other"), "other")


def cli(*arguments: str, ca: Path | None = None, pair: Pair | None = None) -> Ended:
    argv = [programs.find("cdc"), "cli", *arguments, "--log-level=error"]
    if ca:
        argv.append(f"--ca={ca}")
    if pair:
        argv += [f"--cert={pair.cert}", f"--key={pair.key}"]
    return run(argv, 60)


class Etcd(Program):
    """A real etcd that asks its clients for certificates."""

    def __init__(self, directory: Path, ca: Authority):
        super().__init__("etcd-tls", directory / "etcd-tls.log")
        self.directory = directory
        self.ca = ca
        self.pair = ca.sign("etcd")
        self.url = f"https://127.0.0.1:{free_port()}"

    def start(self) -> "Etcd":
        peer = f"http://127.0.0.1:{free_port()}"
        self.launch(
            ["etcd", "--name=e", f"--data-dir={self.directory / 'etcd-tls'}"]
            + [f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}"]
            + [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
            + [f"--initial-cluster=e={peer}", "--client-cert-auth"]
            + [f"--cert-file={self.pair.cert}", f"--key-file={self.pair.key}"]
            + [f"--trusted-ca-file={self.ca.cert}"]
        )
        client = self.ca.sign("probe")
        tls = ssl.create_default_context(cafile=str(self.ca.cert))
        tls.load_cert_chain(str(client.cert), str(client.key))

        def healthy() -> bool:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=2, context=tls) as answer:
                    return b"true" in answer.read()
            except OSError:
                return False

        self.wait_ready(healthy, 30)
        return self


@pytest.fixture(scope="module")
def etcd(tmp_path_factory, ca):
    server = Etcd(tmp_path_factory.mktemp("etcd-tls"), ca)
    server.start()
    yield server
    server.stop()


def test_commands_reach_etcd_over_tls(etcd, ca):
    listed = cli("changefeed", "list", f"--pd={etcd.url}", ca=ca.cert, pair=ca.sign("someone"))
    assert listed.json() == []


def test_etcd_refuses_a_caller_without_a_certificate(etcd, ca):
    assert_refused(cli("changefeed", "list", f"--pd={etcd.url}", ca=ca.cert))


def test_an_etcd_of_another_ca_is_not_trusted(etcd, ca, other_ca):
    pair = ca.sign("someone")
    assert_refused(cli("changefeed", "list", f"--pd={etcd.url}", ca=other_ca.cert, pair=pair))


def assert_refused(ended: Ended) -> None:
    assert ended.status == 1 and ERROR_LINE.search(ended.stderr), str(ended)
    assert ended.stderr.count("\n") == 1, str(ended)


class Node:
    """Stands where a node's HTTPS port is: asks for a certificate and says whose it was."""

    def __init__(self, ca: Authority, pair: Pair):
        names: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                subject = dict(part[0] for part in self.connection.getpeercert()["subject"])
                names.append(subject["commonName"])
                body = json.dumps({"total": 0, "items": []}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(str(pair.cert), str(pair.key))
        tls.load_verify_locations(str(ca.cert))
        tls.verify_mode = ssl.CERT_REQUIRED

        class Server(http.server.ThreadingHTTPServer):
            def get_request(self):
                connection, address = super().get_request()
                return tls.wrap_socket(connection, server_side=True), address

            def handle_error(self, request, client_address):
                pass  # a refused caller

        self.callers = names
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def node(ca):
    server = Node(ca, ca.sign("node"))
    yield server
    server.stop()


def test_commands_reach_a_node_over_tls_and_show_their_certificate(node, ca):
    listed = cli("capture", "list", f"--server={node.url}", ca=ca.cert, pair=ca.sign("operator"))
    assert listed.json() == [] and node.callers == ["operator"]


def test_a_node_of_another_ca_is_not_trusted(node, ca, other_ca):
    pair = ca.sign("operator")
    assert_refused(cli("capture", "list", f"--server={node.url}", ca=other_ca.cert, pair=pair))
    assert not node.callers


def server(tmp_path: Path, *arguments: str) -> Ended:
    argv = [programs.find("cdc"), "server", f"--addr=127.0.0.1:{free_port()}", *arguments]
    return run([*argv, f"--data-dir={tmp_path}/data", f"--log-file={tmp_path}/cdc.log"], 90)


def test_a_server_with_certificates_wants_https_endpoints(tmp_path, ca):
    pair = ca.sign("node")
    files = [f"--ca={ca.cert}", f"--cert={pair.cert}", f"--key={pair.key}"]
    ended = server(tmp_path, "--pd=http://127.0.0.1:1", *files)
    assert_refused(ended)
    assert "https://" in ended.stderr
    assert_refused(server(tmp_path, "--pd=https://127.0.0.1:1"))


def test_a_server_names_the_file_that_it_cannot_use(tmp_path, ca, etcd):
    pair = ca.sign("node")
    files = [f"--ca={ca.cert}", f"--cert={tmp_path}/none.pem", f"--key={pair.key}"]
    ended = server(tmp_path, f"--pd={etcd.url}", *files)
    assert_refused(ended)
    assert "none.pem" in ended.stderr


class TlsCli:
    """`cdc cli` with an operator's certificate; see harness.cdc.Cli."""

    def __init__(self, ca: Authority, pair: Pair, where: str):
        self.ca, self.pair, self.where = ca, pair, where

    def run(self, *args: str) -> Ended:
        return cli(*args, self.where, ca=self.ca.cert, pair=self.pair)


class TlsServer(CdcServer):
    """A node that lets operators and nodes in."""

    def __init__(self, directory: Path, pd: str, ca: Authority):
        super().__init__(directory, pd, "cdc-tls")
        self.ca, self.pair = ca, ca.sign("node")
        self.cli = TlsCli(ca, ca.sign("operator"), f"--pd={pd}")

    def server_arguments(self) -> list[str]:
        files = [f"--ca={self.ca.cert}", f"--cert={self.pair.cert}", f"--key={self.pair.key}"]
        return super().server_arguments() + files + ["--cert-allowed-cn=operator,node"]

    def get(self, path: str, pair: Pair | None) -> tuple[int, bytes]:
        tls = ssl.create_default_context(cafile=str(self.ca.cert))
        if pair:
            tls.load_cert_chain(str(pair.cert), str(pair.key))
        host, port = self.address.split(":")
        connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=tls)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def secure(tmp_path_factory, ca):
    """A whole cluster behind TLS: PD with etcd, the store, a node."""
    directory = tmp_path_factory.mktemp("tls-cluster")
    pair = ca.sign("tikv")
    flags = [f"--tls-ca={ca.cert}", f"--tls-cert={pair.cert}", f"--tls-key={pair.key}"]
    upstream = Playground(directory, "tls-upstream", *flags).start()
    server = TlsServer(directory, upstream.pd_tls, ca)
    try:
        yield upstream, server.start()
    finally:
        server.stop()
        upstream.stop()


def test_rows_go_through_a_cluster_that_speaks_tls_only(secure, ca, mariadb):
    upstream, server = secure
    for database in (upstream, mariadb):
        database.drop(["tls"])
    created = server.cli.run(
        "changefeed", "create", f"--sink-uri={mariadb.sink_uri()}", "-c", "tls", "--no-confirm"
    )
    created.ok()
    upstream.query("CREATE DATABASE tls")
    upstream.query("CREATE TABLE tls.t (id INT PRIMARY KEY)")
    upstream.query("INSERT INTO tls.t VALUES (1), (2)")
    by_node = TlsCli(ca, ca.sign("operator"), f"--server=https://{server.address}")
    Changefeed(by_node, "tls").wait_for(upstream.now_ts(), 60)
    assert mariadb.query("SELECT id FROM tls.t ORDER BY id") == [(1,), (2,)]
    listed = by_node.run("capture", "list").json()
    assert [capture["address"] for capture in listed] == [server.address]
    by_node.run("changefeed", "pause", "-c", "tls").ok()
    state = lambda: Changefeed(by_node, "tls").query()["info"]["state"]
    wait_until("it stands", lambda: state() == "stopped", 20)
    by_node.run("changefeed", "remove", "-c", "tls").ok()


def test_a_node_behind_tls_refuses_plain_http_and_wrong_names(secure, ca, other_ca):
    _, server = secure
    assert server.get("/status", ca.sign("operator"))[0] == 200
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://{server.address}/status", timeout=5)
    stranger = ca.sign("stranger")
    for pair in (stranger, other_ca.sign("operator"), None):
        with pytest.raises((OSError, http.client.HTTPException)):
            server.get("/status", pair)
    refused = cli(
        "capture", "list", f"--server=https://{server.address}", ca=ca.cert, pair=stranger
    )
    assert_refused(refused)


def test_pd_behind_tls_refuses_a_caller_without_a_certificate(secure, ca):
    upstream, _ = secure
    assert_refused(cli("changefeed", "list", f"--pd={upstream.pd_tls}", ca=ca.cert))
