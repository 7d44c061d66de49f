"""The API's HTML pages: Jinja2 templates in pages/, escaped, self-contained."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse

_PAGES = Path(__file__).resolve().parent / "pages"
_NOTHING = "–"


@lru_cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"minute": _minute, "share": _share, "signed": _signed, "two": _two}
    return environment


def page(name: str, **values: Any) -> HTMLResponse:
    """Render the page `name`."""
    return HTMLResponse(_environment().get_template(name).render(**values))


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0%}"


def _signed(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:+.2f}"


def _two(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.2f}"
