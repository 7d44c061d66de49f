"""Type-directed decoding of external data: mappings here, bytes by each module's own `msgspec` decoder.

msgspec (0.22) builds its description of a type on first use, and two threads that build the same one crash the process
(segmentation fault: tests/test_msgspec_types.py). So every decoder is made at import, and `msgspec.convert` and
`msgspec.json.decode`, which build on call, are lint errors elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def decoder(kind: type[T]) -> Callable[[Any], T]:
    """Return a function that converts builtin values to `kind`, or raises msgspec.ValidationError.

    Call it at module level, once all types that `kind` refers to are defined.
    """
    msgspec.json.Decoder(kind)  # builds the type's description
    return partial(msgspec.convert, type=kind)
