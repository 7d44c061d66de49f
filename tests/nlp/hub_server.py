"""A Hugging Face hub on loopback: the part of its protocol that fetches models, with tokens, gates and faults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub holds (name -> folder), who may have it, and whether it works."""

    url: str = ""
    models: dict[str, Path] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    broken: bool = False
    fetched: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers until the end of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def point_to(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HF_ENDPOINT and HF_HOME do for a new process; nobody is logged in."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        is_api = path.startswith("api/models/")
        name = "/".join(path.removeprefix("api/models/").split("/")[:2])
        if name.startswith("api/"):  # the client asks of itself, not of a model
            return self._send(404, b"", {})
        self.hub.tokens.add(token)
        if self.hub.broken:
            return self._send(500, b"", {})
        if name not in self.hub.models or self.hub.private.get(name, token) != token:
            return self._send(404 if token else 401, b"", {"X-Error-Code": "RepoNotFound"})
        if name in self.hub.gated and not is_api:
            return self._send(403 if token else 401, b"", {"X-Error-Code": "GatedRepo"})
        if is_api:
            return self._send(200, self._listing(path, name), {"Content-Type": "application/json"})
        return self._file(self.hub.models[name], path.split(f"{name}/resolve/")[1].partition("/")[2], with_body)

    def _listing(self, path: str, name: str) -> bytes:
        files = sorted(file for file in self.hub.models[name].iterdir() if file.is_file())
        if "/tree/" in path:
            tree = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _digest(file)} for file in files
            ]
            return json.dumps(tree).encode()
        siblings = [{"rfilename": file.name} for file in files]
        return json.dumps({"id": name, "modelId": name, "sha": COMMIT, "private": False, "siblings": siblings}).encode()

    def _file(self, folder: Path, name: str, with_body: bool) -> None:
        if not (folder / name).is_file():
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        content = (folder / name).read_bytes()
        if with_body:
            self.hub.fetched.append(name)
        return self._send(
            200, content, {"ETag": f'"{_digest(folder / name)}"', "X-Repo-Commit": COMMIT}, with_body=with_body
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, with_body: bool = True) -> None:
        self.send_response(status)
        for header, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(header, value)
        self.end_headers()
        if with_body and self.command != "HEAD":
            self.wfile.write(body)


def _digest(file: Path) -> str:
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
