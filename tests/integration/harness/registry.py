"""A schema registry in the test's own process: the part of Confluent's API that is asked for."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SchemaRegistry:
    """Gives each schema a number, whatever its subject. start() it, stop() it."""

    def __init__(self):
        self.schemas: list[str] = []  # by number, from 1
        self.subjects: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> "SchemaRegistry":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def register(self, subject: str, schema: str) -> int:
        with self._lock:
            if schema not in self.schemas:
                self.schemas.append(schema)
            number = self.schemas.index(schema) + 1
            versions = self.subjects.setdefault(subject, [])
            if number not in versions:
                versions.append(number)
            return number

    def _handler(self):
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status: int, body) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):  # pylint: disable=invalid-name
                if self.path == "/":
                    return self.answer(200, {})
                number = int(self.path.removeprefix("/schemas/ids/"))
                if not 0 < number <= len(registry.schemas):
                    return self.answer(404, {"error_code": 40403})
                return self.answer(200, {"schema": registry.schemas[number - 1]})

            def do_POST(self):  # pylint: disable=invalid-name
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                subject = self.path.removeprefix("/subjects/").removesuffix("/versions")
                self.answer(200, {"id": registry.register(subject, body["schema"])})

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        return Handler
