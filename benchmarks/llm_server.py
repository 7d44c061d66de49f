"""A local server that speaks OpenAI's and Anthropic's wire protocols to their official clients.

It records requests and replies with an ad made of the facts; `will` queues other replies, faults included.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

KEY = "test-key-that-is-no-secret"
INPUT_TOKENS, OUTPUT_TOKENS = 400, 30
_PATHS = {"/v1/responses": "openai", "/v1/messages": "anthropic", "/v1/moderations": "moderation"}
_CATEGORIES = ("harassment", "hate", "self-harm", "sexual", "violence")


@dataclass(frozen=True)
class Received:
    """A recorded HTTP request."""

    protocol: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    raw: str
    at: float

    @property
    def question(self) -> dict[str, Any]:
        """The facts of the prompt."""
        said = self.body["input"] if self.protocol == "openai" else self.body["messages"][0]["content"]
        facts: dict[str, Any] = json.loads(said)
        return facts

    @property
    def instructions(self) -> str:
        """The system prompt."""
        return str(self.body["instructions" if self.protocol == "openai" else "system"])


Reply = Callable[["_Handler", Received], None]


def says(headline: str, body: str) -> Reply:
    """Reply with an ad."""
    return answers(json.dumps({"headline": headline, "body": body}))


def answers(text: str) -> Reply:
    """Reply with any text."""
    return lambda handler, received: handler.send_json(200, _completion(received.protocol, text))


def refuses() -> Reply:
    """Reply with a refusal."""
    return lambda handler, received: handler.send_json(200, _completion(received.protocol, None))


def is_cut_short(by: str = "length") -> Reply:
    """Reply with an answer cut off by length or filter."""
    return lambda handler, received: handler.send_json(200, _cut_short(received.protocol, by))


def fails(status: int, **headers: str) -> Reply:
    """Reply with an HTTP error that quotes the key, as providers do."""
    error = {"type": "error", "error": {"type": "some_error", "message": f"no: {KEY}", "code": None, "param": None}}
    return lambda handler, _: handler.send_json(status, error, headers)


def sends(body: bytes, *, promised: int | None = None) -> Reply:
    """Reply with raw bytes; fewer than promised break the connection."""
    return lambda handler, _: handler.send_bytes(200, body, promised=promised)


def resets(handler: _Handler, _: Received) -> None:
    """Reset the connection without a reply."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    os.close(handler.connection.detach())


def hangs(handler: _Handler, _: Received) -> None:
    """Hang until the server closes."""
    handler.server.closing.wait(30)


def drips(handler: _Handler, _: Received) -> None:
    """Send single bytes forever, each within the client's timeout."""
    handler.send_bytes(200, b"", promised=10_000)
    while not handler.server.closing.wait(0.05):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return


def flags(*categories: str) -> Reply:
    """Flag a moderated text."""
    return lambda handler, _: handler.send_json(200, _moderation(True, categories))


def writes(handler: _Handler, received: Received) -> None:
    """Reply as a well-behaved model."""
    if received.protocol == "moderation":
        handler.send_json(200, _moderation(False, ()))
        return
    facts = received.question
    headline = facts["product"][:14] if facts["wide_characters_count_two"] else facts["product"]
    said = {"headline": headline, "body": f"{facts['benefit'][:40]}. See for yourself."}
    handler.send_json(200, _completion(received.protocol, json.dumps(said)))


def _completion(protocol: str, text: str | None) -> dict[str, Any]:
    if protocol == "openai":
        part = (
            {"type": "refusal", "refusal": "I cannot help with that."}
            if text is None
            else {"type": "output_text", "text": text, "annotations": []}
        )
        return _response("completed", part)
    if text is None:
        return _message("refusal", "")
    return _message("end_turn", text)


def _cut_short(protocol: str, by: str) -> dict[str, Any]:
    half = '{"headline": "Half a'
    if protocol == "openai":
        reason = "max_output_tokens" if by == "length" else "content_filter"
        part = {"type": "output_text", "text": half, "annotations": []}
        return _response("incomplete", part) | {"incomplete_details": {"reason": reason}}
    return _message("max_tokens" if by == "length" else "refusal", half)


def _response(status: str, part: dict[str, Any]) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]}
    thought = {"id": "rs_1", "type": "reasoning", "summary": []}
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 8},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    head = {"id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": "m", "error": None}
    rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "incomplete_details": None}
    return {**head, **rest, "status": status, "output": [thought, message], "usage": usage}


def _message(stop_reason: str, text: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    }


def _moderation(is_flagged: bool, categories: tuple[str, ...]) -> dict[str, Any]:
    result = {
        "flagged": is_flagged,
        "categories": {each: each in categories for each in _CATEGORIES},
        "category_scores": {each: 0.9 if each in categories else 0.01 for each in _CATEGORIES},
        "category_applied_input_types": {each: ["text"] for each in _CATEGORIES},
    }
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}


def _violation(received: Received) -> str | None:
    """Find a reason to reject a request."""
    body, protocol = received.body, received.protocol
    if protocol == "moderation":
        return None if body.get("input") else "input is missing"
    if protocol == "anthropic":
        if "anthropic-version" not in received.headers:
            return "anthropic-version is missing"
        if not isinstance(body.get("max_tokens"), int):
            return "max_tokens is missing"
        form = body.get("output_config", {}).get("format", {})
    else:
        form = body.get("text", {}).get("format", {})
        if not form.get("strict") or not form.get("name"):
            return "the form has no name, or is not strict"
    schema = form.get("schema", {})
    closed = schema.get("additionalProperties") is False and schema.get("required") == list(schema["properties"])
    return None if form.get("type") == "json_schema" and closed else "the schema is not one that is enforced"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LanguageModelServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(_PATHS[self.path], headers, json.loads(raw), raw, monotonic())
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        self.server.received.append(received)
        if key != KEY:
            fails(401)(self, received)
        elif violation := _violation(received):
            self.server.complaints.append(violation)
            fails(400)(self, received)
        else:
            self.server.next_reply()(self, received)

    def send_json(self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.send_bytes(status, json.dumps(body).encode(), headers)

    def send_bytes(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, promised: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = promised is not None

    def log_message(self, *_: object) -> None:
        """Disable logging."""


@dataclass
class _Script:
    replies: deque[Reply] = field(default_factory=deque)
    always: Reply = writes


class LanguageModelServer(ThreadingHTTPServer):
    """The server; `complaints` lists requests a real provider would reject."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.complaints: list[str] = []
        self.closing = threading.Event()
        self._script = _Script()

    def will(self, *replies: Reply) -> None:
        """Queue replies."""
        self._script.replies.extend(replies)

    def always_will(self, reply: Reply) -> None:
        """Set the reply for an empty queue."""
        self._script.always = reply

    def forget(self) -> None:
        """Reset replies and recorded requests."""
        self._script = _Script()
        self.received.clear()

    def next_reply(self) -> Reply:
        """Take the next reply."""
        return self._script.replies.popleft() if self._script.replies else self._script.always

    def base_url(self, provider: str) -> str:
        """Base URL for a provider's client."""
        return f"http://127.0.0.1:{self.server_port}" + ("/v1" if provider == "openai" else "")

    def handle_error(self, *_: object) -> None:
        """Ignore disconnected clients, which tests provoke."""


@contextmanager
def language_model_server() -> Iterator[LanguageModelServer]:
    """Run a server on a free port."""
    server = LanguageModelServer()
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
