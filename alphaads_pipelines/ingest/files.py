"""Stream payloads from a file: JSON lines, JSON arrays or whole documents, plain or gzip.

An unreadable line yields `Malformed`, rejected later with a reason. A truncated array ends the file: the next post's
start is unknown.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.platforms.base import Malformed, Payload

MAX_LINE_BYTES = 8_000_000
_BATCH_BYTES = 16_000_000
_CHUNK_BYTES = 1 << 18
_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BETWEEN_VALUES = " \t\r\n,"
_NO_VALUE = object()

Item = Payload | Malformed
Numbered = tuple[int, Item]
_Sized = tuple[int, int, Item]


class PayloadFile:
    """Payloads of one file; iterates in batches.

    Parameters
    ----------
    path: JSON lines (UTF-8; blank lines skipped, arrays in a line flattened), a JSON array, or pretty-printed JSON
    objects; gzip is detected by its first bytes.

    Attributes
    ----------
    total_bytes: file size on disk.

    Raises
    ------
    InvalidRequest: missing or unreadable; while iterating: damaged file or truncated array. Payloads yielded before are
    good.
    """

    def __init__(self, path: Path | str, batch_size: int = 2000) -> None:
        self.path = Path(path)
        self.batch_size = batch_size
        self._raw: io.FileIO | None = None
        try:
            with self.path.open("rb") as file:
                self._head = file.read(2)
            self.total_bytes = self.path.stat().st_size
        except OSError as error:
            raise InvalidRequest(f"{self.path} cannot be read: {error.strerror or type(error).__name__}") from None
        self._bytes_read = 0
        if self._head in _UTF16:
            raise InvalidRequest(f"{self.path} is UTF-16; save it as UTF-8")

    @property
    def bytes_read(self) -> int:
        """Bytes of `total_bytes` read, for a progress bar."""
        if self._raw is not None:
            self._bytes_read = self._raw.tell()
        return self._bytes_read

    def __iter__(self) -> Iterator[list[Item]]:
        batch: list[Item] = []
        held = 0
        damage: InvalidRequest | None = None
        try:
            for _, size, item in self._items():
                batch.append(item)
                held += size
                if len(batch) >= self.batch_size or held >= _BATCH_BYTES:
                    yield batch
                    batch, held = [], 0
        except InvalidRequest as error:
            damage = error
        if batch:
            yield batch
        if damage:
            raise damage

    def numbered(self) -> Iterator[Numbered]:
        """Yield payloads with line number or array position, from 1."""
        for number, _, item in self._items():
            yield number, item

    def _items(self) -> Iterator[_Sized]:
        try:
            with self.path.open("rb", buffering=0) as raw, self._unpacked(raw) as file:
                self._raw = raw
                yield from self._values(file)
                self._bytes_read = self.total_bytes
        except (OSError, EOFError, zlib.error):
            raise InvalidRequest(f"{self.path} is damaged or cannot be read to its end") from None
        finally:
            self._raw = None

    def _unpacked(self, raw: io.FileIO) -> io.BufferedReader:
        source = gzip.GzipFile(fileobj=raw) if self._head == _GZIP else raw
        return io.BufferedReader(source, _CHUNK_BYTES)

    def _values(self, file: io.BufferedReader) -> Iterator[_Sized]:
        start = file.peek(len(codecs.BOM_UTF8))
        if start.startswith(codecs.BOM_UTF8):
            file.read(len(codecs.BOM_UTF8))
        if _is_document(file.peek(_CHUNK_BYTES)):
            return self._documents(file)
        return _lines(file)

    def _documents(self, file: io.BufferedReader) -> Iterator[_Sized]:
        buffer = _Text(file)
        number = depth = 0
        try:
            while buffer.skip(_BETWEEN_VALUES):
                if (bracket := buffer.take("[]")) is not None:
                    depth += 1 if bracket == "[" else -1
                    continue
                value, size = buffer.value()
                number += 1
                yield number, size, _item(value)
        except (ValueError, RecursionError):
            depth = 1
        if depth:
            raise InvalidRequest(f"{self.path}: the JSON breaks off or is malformed after {number} payloads")


def read_payloads(path: Path | str, batch_size: int = 2000) -> PayloadFile:
    """Open a file of payloads. Raises InvalidRequest."""
    return PayloadFile(path, batch_size)


def _is_document(start: bytes) -> bool:
    """Whether the file is a multi-line array or pretty-printed object rather than JSON lines.

    A broken first JSON line must not match, so an array's first line must end unfinished.
    """
    first, _, rest = start.lstrip().partition(b"\n")
    first = first.strip()
    if first.startswith(b"["):
        goes_on = first.endswith((b"[", b"{", b",")) or (not rest and len(first) > _CHUNK_BYTES // 2)
        return goes_on and _loads(first) is _NO_VALUE
    return first == b"{" and rest.lstrip().startswith((b'"', b"}"))


def _lines(file: io.BufferedReader) -> Iterator[_Sized]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, len(line), Malformed(line)
            continue
        try:
            value = orjson.loads(line)
        except ValueError:
            if not line.strip():
                continue
            value = _loads(line)
        if type(value) is dict:
            yield number, len(line), value
        elif isinstance(value, list) and value:
            for each in value:
                yield number, len(line) // len(value), _item(each)
        else:
            yield number, len(line), Malformed(line.strip())


def _item(value: Any) -> Item:
    return value if isinstance(value, dict) else Malformed(json.dumps(value).encode())


def _loads(line: bytes) -> Any:
    """Parse JSON that orjson refuses (lone surrogates); _NO_VALUE if invalid."""
    try:
        return json.loads(line.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _NO_VALUE


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class _Text:
    """A growing window of decoded text over a file."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._ended = False

    def skip(self, characters: str) -> bool:
        """Skip any of `characters`; False at end of file."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in characters:
                self._at += 1
            if self._at < len(self._text):
                return True
            if not self._grow():
                return False

    def take(self, characters: str) -> str | None:
        """Consume the next character if it is one of `characters`."""
        found = self._text[self._at]
        if found not in characters:
            return None
        self._at += 1
        return found

    def value(self) -> tuple[Any, int]:
        """Parse the next JSON value; with its length. ValueError if none within MAX_LINE_BYTES."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                # A number at the end of the window may continue beyond it.
                if end < len(self._text) or self._ended:
                    size, self._at = end - self._at, end
                    return value, size
            except json.JSONDecodeError:
                if self._ended or len(self._text) - self._at > MAX_LINE_BYTES:
                    raise
            self._grow()

    def _grow(self) -> bool:
        chunk = self._file.read(_CHUNK_BYTES)
        self._ended = not chunk
        self._text = self._text[self._at :] + self._decode.decode(chunk, final=self._ended)
        self._at = 0
        return not self._ended
