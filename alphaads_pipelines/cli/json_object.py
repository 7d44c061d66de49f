"""Reading a JSON object from a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from alphaads_pipelines.errors import InvalidRequest

_MOST_BYTES = 1_000_000


def read_object(file: Path) -> dict[str, Any]:
    """Parse a JSON object; `-` is standard input. Raises InvalidRequest."""
    import msgspec

    try:
        raw = sys.stdin.buffer.read(_MOST_BYTES + 1) if str(file) == "-" else file.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise InvalidRequest(f"{file} is larger than {_MOST_BYTES:,} bytes")
        return msgspec.json.Decoder(dict[str, Any]).decode(raw)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(f"{file} is no JSON object") from None
