"""Fast routes: bypass FastAPI's dependency solver, which takes as long as all of a decision's reads from the store.

An endpoint takes one JSON body, and dependencies whose only parameter is the request. OpenAPI, access and audit rules
and errors work as on any route.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction, signature
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class FastRoute(APIRoute):
    """A route whose endpoint is a coroutine that returns a `Response`; for `APIRouter(route_class=...)`.

    Raises
    ------
    TypeError: the endpoint takes other parameters. Raised when the route is added.
    """

    def get_route_handler(self) -> _Handler:
        """Build the request handler."""
        taken, endpoint = self.dependant, self.endpoint
        dependencies = [_request_dependency(each) for each in taken.dependencies]
        models = [(each.name, each.field_info.annotation) for each in taken.body_params]
        if _has_other_parameters(taken) or len(models) != 1 or not iscoroutinefunction(endpoint):
            raise TypeError(f"{self.path}: a fast route is a coroutine that takes a body and dependencies alone")
        [(name, model)] = models
        assert isinstance(model, type) and issubclass(model, BaseModel), "FastAPI's body is a model"

        async def handle(request: Request) -> Response:
            sent = await request.body()
            values = {dependency: await call(request) for dependency, call in dependencies}
            values[name] = _parse_body(model, sent, request.headers.get("content-type", ""))
            response: Response = await endpoint(**values)
            return response

        return handle


def _request_dependency(dependency: Dependant) -> tuple[str, Callable[[Request], Coroutine[Any, Any, Any]]]:
    call = dependency.call
    if call is None or not iscoroutinefunction(call) or list(signature(call).parameters) != ["request"]:
        raise TypeError(f"{call}: a dependency of a fast route is a coroutine that asks for the request alone")
    return str(dependency.name), call


def _has_other_parameters(taken: Dependant) -> bool:
    return bool(taken.path_params or taken.query_params or taken.header_params or taken.cookie_params)


def _parse_body(model: type[BaseModel], sent: bytes, content_type: str) -> BaseModel:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise RequestValidationError([{"type": "model_attributes_type", "loc": ("body",)}])
    try:
        return model.model_validate_json(sent)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in found]) from None
