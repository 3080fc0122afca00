"""Requests to a node, and what its OpenAPI document says of the answers."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: str

    def json(self):
        return json.loads(self.body)


def ask(
    url: str,
    method: str = "GET",
    body=None,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """`body`: text, or what becomes JSON. Any status is an answer."""
    data = None
    if body is not None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    if data is not None:
        request.add_header("Content-Type", content_type)
    try:
        with urllib.request.urlopen(request, timeout=60, context=tls) as answer:
            return _read(answer.status, answer)
    except urllib.error.HTTPError as error:
        return _read(error.code, error)


def _read(status: int, response) -> Answer:
    body = response.read().decode(errors="replace")
    return Answer(status, response.headers.get("Content-Type") or "", body)


class OpenApi:
    """The document, as far as this project uses the language."""

    TYPES = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
    }

    def __init__(self, document: dict):
        self.document = document

    def operations(self) -> list[tuple[str, str]]:
        """(method, path) of each."""
        return [
            (method.upper(), path)
            for path, operations in self.document["paths"].items()
            for method in operations
        ]

    def problems(self, method: str, path: str, answer: Answer) -> list[str]:
        """What is wrong with an answer to a request that should have gone well."""
        responses = self.document["paths"][path][method.lower()]["responses"]
        if str(answer.status) not in responses:
            return [f"status {answer.status}, not {', '.join(responses)}: {answer.body[:500]}"]
        content = responses[str(answer.status)].get("content")
        if not content:
            return []
        if not answer.content_type.startswith("application/json"):
            return [f"content type {answer.content_type!r}"]
        return self.mismatches(content["application/json"]["schema"], answer.json(), "answer")

    def mismatches(self, schema: dict, value, where: str) -> list[str]:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return self.mismatches(self.document["components"]["schemas"][name], value, where)
        if value is None:
            return [] if schema.get("nullable") else [f"{where} is null"]
        expected = self.TYPES[schema["type"]]
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            return [f"{where} is {value!r}, no {schema['type']}"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{where} is {value!r}, none of {schema['enum']}"]
        found = []
        if expected is list:
            for i, item in enumerate(value):
                found += self.mismatches(schema["items"], item, f"{where}[{i}]")
        if expected is dict:
            properties = schema.get("properties", {})
            found += [f"{where}.{k} is missing" for k in schema.get("required", []) if k not in value]
            if schema.get("additionalProperties") is False:
                found += [f"{where}.{k} is unexpected" for k in value if k not in properties]
            for key, inner in properties.items():
                if key in value:
                    found += self.mismatches(inner, value[key], f"{where}.{key}")
        return found


def client_tls(ca: Path, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    if cert:
        context.load_cert_chain(str(cert), str(key))
    return context
