"""`GET /` for people, `GET /health` for load balancers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import public
from api.deps import SettingsDep, SnapshotDep

router = APIRouter(tags=["service"])
_PAGES = Path(__file__).resolve().parents[1] / "pages"


@lru_cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("home.html")


def _age(complete_until: datetime | None) -> str:
    if complete_until is None:
        return "nothing published yet"
    seconds = (datetime.now(UTC) - complete_until).total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@router.get("/", summary="What this is", response_class=HTMLResponse)
@public
def home(request: Request, snapshot: SnapshotDep, settings: SettingsDep) -> HTMLResponse:
    """A page that says what runs here and how fresh it is."""
    page = _template().render(
        version=request.app.version,
        snapshot=snapshot.version,
        age=_age(snapshot.complete_until),
        profiles=f"{sum(len(subjects) for subjects in snapshot.profiles.values()):,}",
        creatives=len(snapshot.creatives),
        environment=settings.environment,
        docs=settings.api_docs,
    )
    return HTMLResponse(page)


@router.get("/health", summary="Is the process alive?")
@public
def health() -> dict[str, str]:
    """200 while the process answers; it says nothing about data."""
    return {"status": "ok"}
