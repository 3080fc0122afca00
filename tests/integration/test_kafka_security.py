"""TLS and SASL against a real broker: who may send, and what is said when one may not."""

import base64
import json
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from harness import programs
from harness.cases import case_named
from harness.cdc import run
from harness.kafka import KafkaBroker
from harness.process import free_port

DEADLINE_S = 120
PASSWORD = "a-secret&+"
PASSWORD_IN_URI = "a-secret%26%2B"
pytestmark = pytest.mark.xdist_group("kafka")


class SecureBroker(KafkaBroker):
    """A broker with listeners for TLS and SASL beside the plain one."""

    def __init__(self, directory):
        super().__init__(directory, "kafka-secure")
        self.tls_port, self.sasl_port = 0, 0
        self.ca = self.directory / "ca.pem"

    def _format_options(self) -> list[str]:
        return [
            option
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for option in ("--add-scram", f"{mechanism}=[name=cdc,password={PASSWORD}]")
        ]

    def _settings(self) -> dict[str, str]:
        self.tls_port, self.sasl_port = free_port(), free_port()
        settings = super()._settings()
        more = f",TLS://{self.host}:{self.tls_port},AUTH://{self.host}:{self.sasl_port}"
        settings["listeners"] += more
        settings["advertised.listeners"] += more
        settings["listener.security.protocol.map"] = (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,AUTH:SASL_PLAINTEXT"
        )
        settings["sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"
        auth = "listener.name.auth"
        login = "org.apache.kafka.common.security"
        settings |= {
            f"{auth}.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required "
            f'user_cdc="{PASSWORD}";',
            f"{auth}.scram-sha-256.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            f"{auth}.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            f"{auth}.oauthbearer.sasl.jaas.config": f"{login}.oauthbearer.OAuthBearerLoginModule "
            'required unsecuredLoginStringClaim_sub="broker";',
        }
        settings |= self._tls_settings()
        return settings

    def _tls_settings(self) -> dict[str, str]:
        """A certificate of its own authority for the loopback address."""
        key, keystore = self.directory / "key.pem", self.directory / "keystore.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
            + ["-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{self.host}"]
            + ["-keyout", str(key), "-out", str(self.ca)],
            check=True,
            capture_output=True,
        )
        keystore.write_text(key.read_text() + self.ca.read_text())
        return {
            "listener.name.tls.ssl.keystore.type": "PEM",
            "listener.name.tls.ssl.keystore.location": str(keystore),
            "listener.name.tls.ssl.endpoint.identification.algorithm": "",
        }


@pytest.fixture(scope="module")
def kafka(scratch):
    broker = SecureBroker(scratch)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def replay(uri: str, *more: str):
    argv = [programs.find("cdc-replay"), "--recording", str(case_named("20_bank").path)]
    return run([*argv, "--sink-uri", uri, *more], DEADLINE_S)


def new_topic() -> str:
    return f"s-{uuid.uuid4().hex[:12]}"


def sasl_uri(kafka, topic: str, mechanism: str, password: str = PASSWORD_IN_URI) -> str:
    return (
        f"kafka://{kafka.host}:{kafka.sasl_port}/{topic}?protocol=open-protocol"
        f"&sasl-mechanism={mechanism}&sasl-user=cdc&sasl-password={password}"
    )


@pytest.mark.parametrize("mechanism", ["plain", "SCRAM-SHA-256", "scram-sha-512"])
def test_passwords(kafka, mechanism):
    topic = new_topic()
    replay(sasl_uri(kafka, topic, mechanism)).ok()
    assert kafka.has_messages(topic)


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256"])
def test_a_wrong_password_is_told_and_not_shown(kafka, mechanism):
    ended = replay(sasl_uri(kafka, new_topic(), mechanism, "wrong-password"))
    assert ended.status == 1, str(ended)
    assert "CDC:ErrKafkaAuthorizationFailed" in ended.stderr, ended.stderr
    assert "wrong-password" not in ended.stderr


def test_tls_with_the_brokers_authority(kafka):
    topic = new_topic()
    address = f"{kafka.host}:{kafka.tls_port}"
    replay(f"kafka+ssl://{address}/{topic}?protocol=open-protocol&ca={kafka.ca}").ok()
    assert kafka.has_messages(topic)


def test_tls_without_the_brokers_authority_is_refused(kafka):
    uri = f"kafka+ssl://{kafka.host}:{kafka.tls_port}/{new_topic()}?protocol=open-protocol"
    ended = replay(uri + "&dial-timeout=2s&read-timeout=2s")
    assert ended.status == 1, str(ended)
    assert "CDC:ErrKafkaAuthorizationFailed" in ended.stderr, ended.stderr
    assert "certificate" in ended.stderr
    replay(uri + "&insecure-skip-verify=true").ok()


class TokenServer:
    """An OAuth server whose tokens are not signed, as a broker takes them for tests."""

    def __init__(self):
        self.requests: list[dict] = []
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                requests.append({name: values[0] for name, values in form.items()})
                good = requests[-1].get("client_secret") == PASSWORD
                answer = {"access_token": token(), "expires_in": 300} if good else {"error": "no"}
                self.send_response(200 if good else 401)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/token"


def token() -> str:
    def part(content: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    now = time.time()
    return part({"alg": "none"}) + "." + part({"sub": "cdc", "iat": now, "exp": now + 300}) + "."


@pytest.fixture
def tokens():
    server = TokenServer()
    yield server
    server.server.shutdown()


def oauth_config(path, url: str, secret: str):
    encoded = base64.b64encode(secret.encode()).decode()
    path.write_text(
        "[sink.kafka-config]\n"
        f'sasl-mechanism = "OAUTHBEARER"\nsasl-oauth-client-id = "cdc"\n'
        f'sasl-oauth-client-secret = "{encoded}"\nsasl-oauth-token-url = "{url}"\n'
        'sasl-oauth-scopes = ["send"]\nsasl-oauth-audience = "kafka"\n'
        '[filter]\nrules = ["c20_bank.*"]\n'
    )
    return path


def test_oauth_tokens(kafka, tokens, tmp_path):
    topic = new_topic()
    config = oauth_config(tmp_path / "feed.toml", tokens.url, PASSWORD)
    uri = f"kafka://{kafka.host}:{kafka.sasl_port}/{topic}?protocol=open-protocol"
    replay(uri, "--config", str(config)).ok()
    assert kafka.has_messages(topic)
    asked = tokens.requests[0]
    assert asked["grant_type"] == "client_credentials"
    assert (asked["scope"], asked["audience"]) == ("send", "kafka")


def test_an_oauth_server_that_refuses_is_told(kafka, tokens, tmp_path):
    config = oauth_config(tmp_path / "feed.toml", tokens.url, "wrong-secret")
    uri = f"kafka://{kafka.host}:{kafka.sasl_port}/{new_topic()}?protocol=open-protocol"
    ended = replay(f"{uri}&dial-timeout=2s&read-timeout=2s", "--config", str(config))
    assert ended.status == 1, str(ended)
    assert "401" in ended.stderr and "wrong-secret" not in ended.stderr, ended.stderr
