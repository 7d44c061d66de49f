"""Templates of self-contained HTML pages: a room's own, with shared style sheets.

Values are escaped, and an undefined name is an error. The API's pages use api/templates.py.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

_SHARED = Path(__file__).resolve().parent / "templates"


@lru_cache
def template(folder: Path, name: str) -> Any:
    """Load a template from a room's folder; it may include files of this package's `templates/`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader([folder, _SHARED]), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)
