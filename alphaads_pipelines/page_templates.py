"""Templates of pages that need nothing beside themselves: of a room, with style sheets that rooms share.

Whatever is filled in is escaped, and a name that is not given is an error. Pages of the API are api/templates.py's.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

_SHARED = Path(__file__).resolve().parent / "templates"


@lru_cache
def template(folder: Path, name: str) -> Any:
    """The Jinja2 template `name` of a room's folder; it may include what lies in this package's own `templates/`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader([folder, _SHARED]), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)
