"""The app factory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from alphaads_pipelines.decisions.permissions import Permissions
from alphaads_pipelines.decisions.snapshot import SnapshotReader
from alphaads_pipelines.decisions.spool import Forwarder, Spool
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging
from alphaads_pipelines.wiring.app import Wiring
from api import documentation, errors
from api.credentials import Authenticator
from api.middleware import EveryRequest
from api.process_tuning import tuned_process
from api.routes import home
from api.routes.v1 import (
    aggregates,
    campaigns,
    consents,
    creatives,
    decisions,
    events,
    experiment_results,
    experiments,
    exports,
    gazetteer,
    health,
    journeys,
    organisations,
    people,
    post_rights,
    posts,
    profiles,
    reasons,
    rights,
    spending,
)


def create_app(wiring: Wiring | None = None) -> FastAPI:
    """Build the service. It closes a wiring at shutdown only if it built it, from the environment."""
    own = wiring or Wiring(Settings())
    settings = own.settings
    if wiring is None:
        configure_logging(json=settings.log_json, level=settings.log_level)
    app = FastAPI(
        title="Alpha Creators Ads",
        version=version("alpha-creators-ads"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.wiring, app.state.owns_wiring = own, wiring is None
    errors.install(app)
    _add_middleware(app, settings)
    app.include_router(decisions.router, prefix="/api/v1")  # first: routes are matched in order
    app.include_router(home.router)
    for routes in (
        posts,
        profiles,
        aggregates,
        campaigns,
        spending,
        creatives,
        experiment_results,
        experiments,
        organisations,
        journeys,
        consents,
        reasons,
        events,
        exports,
        gazetteer,
        people,
        post_rights,
        rights,
        health,
    ):
        app.include_router(routes.router, prefix="/api/v1")
    if settings.api_docs:
        documentation.install(app)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    hosts = [host.strip() for host in settings.allowed_hosts.split(",") if host.strip()]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.add_middleware(EveryRequest, is_production=settings.environment == "production")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    wiring: Wiring = app.state.wiring
    settings = wiring.settings
    app.state.authenticator = Authenticator(wiring.engine, settings.secret_key.get_secret_value())
    app.state.reader = SnapshotReader(wiring.engine, with_samples=settings.sample_campaigns)
    app.state.permissions = Permissions(wiring.engine)
    app.state.decider = wiring.decider
    app.state.spool = Spool(settings.spool_path)
    forwarder = Forwarder(settings.spool_path, lambda: wiring.stream, wiring.topics.decisions)
    app.state.reader.start()
    forwarder.start()
    with tuned_process():
        try:
            yield
        finally:
            app.state.spool.close()
            forwarder.stop()
            app.state.reader.stop()
    if app.state.owns_wiring:
        wiring.close()
