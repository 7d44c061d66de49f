"""`GET /` for people, `GET /health` for load balancers."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import public
from api.deps import SettingsDep, SnapshotDep
from api.templates import page

router = APIRouter(tags=["service"])


def _age(complete_until: datetime | None) -> str:
    if complete_until is None:
        return "nothing published yet"
    seconds = (datetime.now(UTC) - complete_until).total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@router.get("/", summary="Service overview", response_class=HTMLResponse)
@public
def home(request: Request, snapshot: SnapshotDep, settings: SettingsDep) -> HTMLResponse:
    """Show what runs here and how fresh its data is."""
    return page(
        "home.html",
        version=request.app.version,
        snapshot=snapshot.version,
        age=_age(snapshot.complete_until),
        profiles=f"{sum(len(subjects) for subjects in snapshot.profiles.values()):,}",
        creatives=len(snapshot.catalogue.creatives),
        environment=settings.environment,
        docs=settings.api_docs,
    )


@router.get("/health", summary="Liveness")
@public
def health() -> dict[str, str]:
    """Return 200 while the process is alive, whatever the state of its data."""
    return {"status": "ok"}
