"""Run by test_typed.py in a process of its own: new types, each first read by several threads at once.

python first_uses.py (bare | prepared) ROUNDS
"""

from __future__ import annotations

import sys
import threading
import types
from typing import Any

import msgspec

from alphaads_pipelines.msgspec_types import decoder

_THREADS = 4
_SOURCE = """
from __future__ import annotations
import msgspec
class Part(msgspec.Struct):
    number: int = 0
    name: str | None = None
class Whole(msgspec.Struct):
""" + "\n".join(f"    parts_{number}: list[Part] | None = None" for number in range(20))


def _new_type(number: int) -> Any:
    module = types.ModuleType(f"first_use_{number}")
    sys.modules[module.__name__] = module
    exec(_SOURCE, module.__dict__)
    return module.__dict__["Whole"]


def _read_at_once(read: Any) -> None:
    together = threading.Barrier(_THREADS)

    def go() -> None:
        together.wait()
        assert read({"parts_1": [{"number": 1}]}).parts_1[0].number == 1

    threads = [threading.Thread(target=go) for _ in range(_THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


if __name__ == "__main__":
    sys.setswitchinterval(1e-6)
    for number in range(int(sys.argv[2])):
        kind = _new_type(number)
        _read_at_once(
            decoder(kind) if sys.argv[1] == "prepared" else lambda given, kind=kind: msgspec.convert(given, kind)
        )
