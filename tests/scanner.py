"""Searches every file under a folder for words, raw and decoded, in whatever way they may have been written down.

Each file is a layer; so is everything that can be made of a layer: rows of SQLite and Parquet, what gzip, zlib, bzip2,
zstd, lz4 and snappy hold anywhere inside it, base64 and hex. Every layer is searched for each word in any case, as
UTF-8, UTF-16, JSON escapes, percent escapes, hex and base64. Given the keys, sealed bodies are layers, too.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import io
import json
import re
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import Any
from urllib.parse import quote

import lz4.block
import lz4.frame
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from alphaads_pipelines.errors import EnvelopeError
from alphaads_pipelines.privacy.envelope import decode
from alphaads_pipelines.privacy.sealer import SealedBody, Sealer

MOST_BYTES = 64 * 1024 * 1024
_DEEPEST = 5
_LEAST_BYTES = 6
_CHUNK_BYTES = 4096
_SQLITE, _PARQUET = b"SQLite format 3\x00", b"PAR1"
_SEPARATOR = b"\x00\n"
_SEALED = ("schema_version", "platform", "shard", "subject_id", "key_id", "nonce", "sealed_body")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_BACKSLASHES = re.compile(rb"\\{2,}")
_PARTITION = re.compile(r"([a-z_]+)=([^/]+)/")
_HEX = re.compile(rb"[0-9a-fA-F]{16,}")

Row = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Finding:
    """A word that was found: in which file, and through which layers."""

    path: Path
    layers: str
    word: str


class Scanner:
    """Looks for words.

    Parameters
    ----------
    words: what must not be found; unlikely enough to stand in no file by chance.
    keys: opens sealed bodies; None to see what somebody without the keys sees.
    """

    def __init__(self, words: Iterable[str], keys: Sealer | None = None) -> None:
        self._needles = {word: (_folded(word), _exact(word)) for word in words}
        self._common = _common(self._needles)
        self._keys = keys

    def scan(self, folder: Path) -> set[Finding]:
        """Everything that is found in any file, at any depth, under `folder`."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            Finding(path.relative_to(folder), layers, word)
            for path in files
            for layers, data in self._layers(path)
            for word in self.words_in(data)
        }

    def words_in(self, data: bytes) -> set[str]:
        """The words that stand in one layer."""
        low = _BACKSLASHES.sub(rb"\\", data.lower())  # JSON inside JSON doubles them
        if self._common is not None and not _stand_in(low, data, *self._common):
            return set()
        return {word for word, (folded, exact) in self._needles.items() if _stand_in(low, data, folded, exact)}

    def _layers(self, path: Path) -> Iterator[tuple[str, bytes]]:
        data = path.read_bytes()
        yield from _below("raw", data, _DEEPEST)
        if data.startswith(_SQLITE):
            yield from self._row_layers("sqlite", _sqlite_rows(path))
        elif data.startswith(_PARQUET):
            yield from self._row_layers("parquet", _parquet_rows(path))

    def _row_layers(self, name: str, rows: Iterable[Row]) -> Iterator[tuple[str, bytes]]:
        kept = list(rows)
        values = list(dict.fromkeys(each for row in kept for each in _values(row)))
        yield from _below(name, _SEPARATOR.join(values), _DEEPEST)
        for value in values:
            for how, open_ in _BLOCKS:
                yield from _all_below(f"{name} > {how}", _opened_with(open_, [value]), _DEEPEST)
        yield from _below(f"{name} > unsealed", _SEPARATOR.join(self._opened(kept)), _DEEPEST)

    def _opened(self, rows: list[Row]) -> Iterator[bytes]:
        if self._keys is None:
            return
        sealed: list[Any] = []
        for row in rows:
            if "sealed_body" in row:
                sealed.append(SealedBody(*(row[name] for name in _SEALED)))
            elif isinstance(row.get("value"), bytes):
                try:
                    sealed.append(decode(row["value"]))
                except EnvelopeError:
                    continue
        yield from (body for body in self._keys.unseal(sealed) if isinstance(body, bytes))


def _common(words: Iterable[str]) -> tuple[set[bytes], set[bytes]] | None:
    """Spellings of what many words begin with: where it is not, none of them is, and one look tells."""
    begin = commonprefix(list(words))  # noqa: RUF071 - of texts, not of paths
    return (_folded(begin), _exact(begin)) if len(begin) >= _LEAST_BYTES else None


def _stand_in(low: bytes, data: bytes, folded: set[bytes], exact: set[bytes]) -> bool:
    return any(needle in low for needle in folded) or any(needle in data for needle in exact)


def _folded(word: str) -> set[bytes]:
    """Spellings that are looked for in the lower-cased layer."""
    spelled: set[bytes] = set()
    for each in _cases(word):
        spelled |= {each.encode(), json.dumps(each)[1:-1].encode(), quote(each).encode(), each.encode().hex().encode()}
        spelled |= {each.encode("utf-16-le"), each.encode("utf-16-be")}
    return {each.lower() for each in spelled}


def _cases(word: str) -> set[str]:
    return {word, word.lower(), word.upper()}


def _exact(word: str) -> set[bytes]:
    """Spellings in base64: wherever in a text of three bytes the word begins."""
    spelled = set()
    for each in _cases(word):
        for data in (each.encode(), each.encode("utf-16-le")):
            for before in range(3):
                whole = base64.b64encode(bytes(before) + data)
                core = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
                spelled |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return spelled


def _below(name: str, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    """The layer itself, and all that can be made of it."""
    yield name, data
    if depth and len(data) >= _LEAST_BYTES:
        view = memoryview(data)
        for how, mark, open_ in _FRAMES:
            frames = (view[found.start() :] for found in mark.finditer(data))
            yield from _all_below(f"{name} > {how}", _opened_with(open_, frames), depth - 1)
        for how, open_ in _BLOCKS:
            yield from _all_below(f"{name} > {how}", _opened_with(open_, [data]), depth - 1)
        for how, text, letters, open_ in _TEXTS:
            # What stands before a text may look like a part of it, so it is read from each of its first letters.
            starts = (found[0][skip:] for found in text.finditer(data) for skip in range(letters))
            pieces = _opened_with(open_, starts)
            yield from _all_below(f"{name} > {how}", [_SEPARATOR.join(pieces)], depth - 1)


def _all_below(name: str, layers: Iterable[bytes], depth: int) -> Iterator[tuple[str, bytes]]:
    for data in layers:
        if len(data) >= _LEAST_BYTES:
            yield from _below(name, data, depth)


def _opened_with(open_: Callable[[Any], bytes], pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    for piece in pieces:
        try:
            yield open_(piece)
        except Exception:  # noqa: BLE001 - it was none of these; every decoder has errors of its own
            continue


def _from_zlib(data: bytes) -> bytes:
    """All that comes before the first damage: a checksum that is cut off hides nothing."""
    opener, opened = zlib.decompressobj(zlib.MAX_WBITS | 32), bytearray()
    for start in range(0, len(data), _CHUNK_BYTES):
        before, chunk = opener.copy(), data[start : start + _CHUNK_BYTES]
        try:
            opened += opener.decompress(chunk, MOST_BYTES)
        except zlib.error:
            opened += _until_damaged(before, chunk)
            break
        if opener.eof or len(opened) > MOST_BYTES:
            break
    return bytes(opened)


def _until_damaged(opener: Any, data: bytes) -> bytes:
    opened = bytearray()
    for place in range(len(data)):
        try:
            opened += opener.decompress(data[place : place + 1])
        except zlib.error:
            break
    return bytes(opened)


def _from_bz2(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, MOST_BYTES)


def _from_zstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(MOST_BYTES)


def _from_lz4(data: bytes) -> bytes:
    return lz4.frame.LZ4FrameDecompressor().decompress(data, MOST_BYTES)


def _from_lz4_block(data: bytes) -> bytes:
    if int.from_bytes(data[:4], "little") > min(MOST_BYTES, 255 * len(data)):
        raise ValueError("no block with its size before it")
    return lz4.block.decompress(data)


def _from_snappy_block(data: bytes) -> bytes:
    size = shift = 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if not 0 < size <= min(MOST_BYTES, 64 * len(data)):
        raise ValueError("no snappy block")
    return bytes(pa.decompress(data, decompressed_size=size, codec="snappy", asbytes=True))


def _from_snappy_frames(data: bytes) -> bytes:
    """Chunks of type 0 (compressed) and 1 (plain), each with 3 bytes of length and a CRC of 4 bytes."""
    opened, place = b"", 0
    while place + 4 <= len(data) and len(opened) < MOST_BYTES:
        kind, length = data[place], int.from_bytes(data[place + 1 : place + 4], "little")
        body = data[place + 8 : place + 4 + length]
        if kind == 0:
            opened += _from_snappy_block(body)
        elif kind == 1:
            opened += body
        place += 4 + length
    return opened


def _from_base64(text: bytes) -> bytes:
    plain = text.translate(bytes.maketrans(b"-_", b"+/"))
    whole = plain[:-1] if len(plain) % 4 == 1 else plain
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _from_hex(text: bytes) -> bytes:
    return binascii.unhexlify(text[: len(text) - len(text) % 2])


_FRAMES = (
    ("gzip", re.compile(rb"\x1f\x8b\x08"), _from_zlib),
    ("zlib", re.compile(rb"\x78[\x01\x5e\x9c\xda]"), _from_zlib),
    ("bzip2", re.compile(rb"BZh[1-9]"), _from_bz2),
    ("zstd", re.compile(re.escape(b"\x28\xb5\x2f\xfd")), _from_zstd),
    ("lz4", re.compile(re.escape(b"\x04\x22\x4d\x18")), _from_lz4),
    ("snappy frames", re.compile(rb"\xff\x06\x00\x00sNaPpY"), _from_snappy_frames),
)
_BLOCKS = (("snappy", _from_snappy_block), ("lz4 block", _from_lz4_block))
"""They have no mark: they are found where a file or a value begins, and nowhere else."""
_TEXTS = (("base64", _BASE64, 4, _from_base64), ("hex", _HEX, 2, _from_hex))


def _sqlite_rows(path: Path) -> Iterator[Row]:
    """Every row of every table, those still in the write-ahead log included; of a copy, so that nothing is touched."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copy(path, copy)
        if (wal := path.with_name(f"{path.name}-wal")).exists():
            shutil.copy(wal, copy.with_name("copy.db-wal"))
        with closing(sqlite3.connect(copy)) as connection:
            connection.text_factory = bytes
            connection.row_factory = sqlite3.Row
            tables = [
                row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            for table in tables:
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield dict(zip(row.keys(), row, strict=True))


def _parquet_rows(path: Path) -> Iterator[Row]:
    """Every row, with what the names of its folders say of it."""
    said = {name: int(value) if value.isdigit() else value for name, value in _PARTITION.findall(str(path))}
    yield from ({**said, **row} for row in pq.ParquetFile(path).read().to_pylist())


def _values(row: Any) -> Iterator[bytes]:
    """Every text and every binary value of a row, however nested."""
    if isinstance(row, bytes):
        yield row
    elif isinstance(row, str):
        yield row.encode("utf-8", "surrogatepass")
    elif isinstance(row, Mapping):
        for each in row.values():
            yield from _values(each)
    elif isinstance(row, list | tuple):
        for each in row:
            yield from _values(each)
