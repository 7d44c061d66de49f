"""Reading what was written elsewhere by a type: mappings here, bytes by a module's own `msgspec` decoder.

msgspec (0.22) builds its description of a type on first use, and two threads that build one at the same time crash the
process (segmentation fault: tests/test_msgspec_types.py). So every decoder and `decoder` is made when its module is
loaded, and `msgspec.convert` and `msgspec.json.decode`, which build on call, are lint errors elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def decoder(kind: type[T]) -> Callable[[Any], T]:
    """What makes a `kind` of builtin values, and raises msgspec.ValidationError for those that are none.

    Called where a module is loaded; all types that `kind` is made of must be there by then.
    """
    msgspec.json.Decoder(kind)  # builds what is known of the type
    return partial(msgspec.convert, type=kind)
