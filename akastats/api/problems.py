"""Report errors of requests as an exception, and as problem+json (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from types import NoneType
from typing import Any, get_type_hints

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.routing import Match
from starlette.types import Scope

from akastats.api.models.common import ProblemDetails
from akastats.api.models.derived import derive
from akastats.errors import (
    AccessDeniedError,
    AkastatsError,
    ConnectionLostError,
    NotFoundError,
    RefusedError,
    RequestRefusedError,
    ServerBusyError,
    ServerUnreachableError,
    UnknownScriptError,
)

#: Key of a request's ASGI scope under which `akastats.app` stores the scopes of the caller.
OWN = "akastats.access"
MEDIA_TYPE = "application/problem+json"
_PROBE = "akastats.probe"
# No client uses this label, so a route that matches it matches every label.
_NO_LABEL = "\x00akastats\x00"
_LIMITS = ("max_length", "min_length", "le", "ge")


class Problem(HTTPException):
    """An error of a request.

    field: the invalid parameter, header or part of the body; `None` if none is invalid
    limit: the exceeded limit; `None` if no limit was exceeded
    """

    def __init__(
        self,
        status: int,
        detail: str,
        field: str | None = None,
        limit: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.field = field
        self.limit = limit


log = logging.getLogger(__name__)


class Route(APIRoute):
    """A route that raises its errors as `Problem`s and returns dataclasses.

    It needs no exception handler in the application that it is attached to. A route that ends in a label matches
    every path below it, so the more specific routes of the host have priority, whichever was declared first.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if isinstance(options.get("response_model"), DefaultPlaceholder):
            annotation = get_type_hints(endpoint, include_extras=True).get("return")
            model = derive(annotation)
            # FastAPI 0.115 takes the annotation None for a body, which a 204 must not have.
            if model is not annotation or annotation is NoneType:
                options["response_model"] = None if annotation is NoneType else model
        super().__init__(path, endpoint, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the request, unless a more specific route of the host application matches it."""
        if _PROBE in scope and ":akastats}" in self.path:
            return Match.NONE, {}
        match, child = super().matches(scope)
        is_label_route = match is Match.FULL and ":akastats}" in self.path and OWN not in scope
        return (Match.NONE, {}) if is_label_route and self._has_rival(scope, child) else (match, child)

    def _has_rival(self, scope: Scope, child: Scope) -> bool:
        router = getattr(scope.get("app"), "router", None)
        if router is None:
            return False
        label = next(iter(child["path_params"].values()))
        after = self.path.rpartition("}")[2]
        before = scope["path"].removesuffix(after).removesuffix(label)
        probe = {name: value for name, value in scope.items() if name not in ("fastapi", "path_params")}
        probe[_PROBE] = True
        any_label = {**probe, "path": f"{before}{_NO_LABEL}{after}"}
        return any(
            route.matches(dict(probe))[0] is Match.FULL and route.matches(dict(any_label))[0] is not Match.FULL
            for route in router.routes
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that calls FastAPI's handler and raises errors of akastats as `Problem`."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                raise invalid(error.errors()) from error
            except NotFoundError as error:
                raise Problem(404, str(error)) from error
            except RefusedError as error:
                raise Problem(409, str(error)) from error
            except AkastatsError as error:
                raise Problem(503, reason_of(error, request)) from error

        return handle


def reason_of(error: AkastatsError, request: Request) -> str:
    """Return the reason of a 503 for the caller.

    `akastats.app` returns the complete message, which names the server's address and a remedy. In another
    application that attaches the routes, callers get a general reason, and the message is logged.
    """
    if OWN in request.scope:
        return str(error)
    log.warning("%s %s: %s", request.method, request.url.path, error)
    return _REASONS.get(type(error), "statistics are not available")


_REASONS: dict[type[AkastatsError], str] = {
    ServerUnreachableError: "the statistics server is unreachable",
    ConnectionLostError: "the statistics server did not reply",
    ServerBusyError: "the statistics server is busy: try again later",
    AccessDeniedError: "the statistics server refused the request",
    RequestRefusedError: "the statistics server refused the request",
    UnknownScriptError: "the statistics server refused the request",
}


def invalid(errors: Sequence[Any]) -> Problem:
    """Return the first of pydantic's errors as a problem, without the invalid input."""
    location, *names = errors[0]["loc"]
    field = ".".join(map(str, names if location in ("query", "path") else (location, *names)))
    limits = errors[0].get("ctx", {})
    message = errors[0]["msg"].removeprefix("Value error, ")
    limit = next((limits[name] for name in _LIMITS if name in limits), None)
    return Problem(422, f"{field}: {message}", field, limit)


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of errors with these statuses, which share one schema."""
    return {
        status: {"model": ProblemDetails, "description": DESCRIPTIONS.get(status, HTTPStatus(status).phrase)}
        for status in statuses
    }


DESCRIPTIONS: Mapping[int, str] = {
    401: "The token is missing or invalid.",
    403: "The token lacks the scope, or the request comes from a page of another origin.",
    404: "Not found, or expired.",
    408: "The body did not arrive within 10 s.",
    409: "A rule forbids the change; `detail` names the rule.",
    413: "The body or the response exceeds the size limit.",
    415: "The body is compressed; send it uncompressed.",
    421: "The `Host` header does not name a host of this service.",
    422: "A parameter or the body is not valid; `field` names it.",
    429: "Too many requests; retry after the seconds in `Retry-After`.",
    431: "The header is larger than 32 KiB.",
    503: "The statistics server is unreachable or busy.",
}


def as_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document whose errors have the media type of `akastats.app`, problem+json."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if status >= "4" and "application/json" in content:
                    response["content"] = {MEDIA_TYPE: content.pop("application/json")}
    return document


def answer_problems(app: FastAPI, unmatched: Callable[[Request], Response | None] = lambda _: None) -> FastAPI:
    """Add exception handlers to `akastats.app` that return every error as problem+json.

    `unmatched` may return another response to a request that no route matches; with `None` it is an error.
    """

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, AnyHTTPException)
        is_unmatched = error.status_code == HTTPStatus.NOT_FOUND and not isinstance(error, Problem)
        return (unmatched(request) if is_unmatched else None) or answer_of(error)

    app.add_exception_handler(AnyHTTPException, answer)
    app.add_exception_handler(Exception, _answer_failure)
    return app


def answer_of(error: AnyHTTPException) -> Response:
    """Return the response to an error."""
    return _response(error, getattr(error, "field", None), getattr(error, "limit", None))


async def _answer_failure(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this response, so that it is logged.
    return _response(AnyHTTPException(500, "internal error of akastats; see the log"))


def _response(error: AnyHTTPException, field: str | None = None, limit: int | None = None) -> Response:
    title = HTTPStatus(error.status_code).phrase
    details = ProblemDetails(
        title=title, status=error.status_code, detail=str(error.detail), field=field, limit=limit
    )
    return JSONResponse(
        details.model_dump(exclude_none=True), error.status_code, error.headers, media_type=MEDIA_TYPE
    )
