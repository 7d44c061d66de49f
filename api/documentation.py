"""Interactive API documentation; its assets come from the `fastapi-offline` package, not from a CDN."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

from api.access import public

_ASSETS = "/api/docs/assets"
_SCHEMA = "/api/openapi.json"
AssetName = Literal["swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png"]


def install(app: FastAPI) -> None:
    """Add /api/docs, /api/redoc and their OpenAPI schema."""
    favicon = f"{_ASSETS}/favicon.png"

    @public
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=_SCHEMA,
            title=f"{app.title}: API",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=favicon,
        )

    @public
    def redoc() -> HTMLResponse:
        return get_redoc_html(
            openapi_url=_SCHEMA,
            title=f"{app.title}: reference",
            redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
            redoc_favicon_url=favicon,
            with_google_fonts=False,
        )

    @public
    def schema() -> dict[str, Any]:
        return app.openapi()

    @public
    def asset(name: AssetName) -> FileResponse:
        return FileResponse(str(files("fastapi_offline") / "static" / name))

    for path, endpoint in (
        ("/api/docs", docs),
        ("/api/redoc", redoc),
        (_SCHEMA, schema),
        (f"{_ASSETS}/{{name}}", asset),
    ):
        app.add_api_route(path, endpoint, include_in_schema=False, response_model=None)
