"""Errors of requests: one exception, the route that raises it, and problem+json (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
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

#: The key of a request's scope under which our own application keeps the scopes of the caller.
OWN = "akastats.access"
MEDIA_TYPE = "application/problem+json"
_PROBE = "akastats.probe"
# No client uses this label: a route that also matches it catches every label.
_NO_LABEL = "\x00akastats\x00"
_LIMITS = ("max_length", "min_length", "le", "ge")


class Problem(HTTPException):
    """A request that cannot be answered: `field` names what is wrong, `limit` what it may be at most."""

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
    every path below it, so it gives way to the host's more specific routes, whichever was declared first.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if isinstance(options.get("response_model"), DefaultPlaceholder):
            annotation = get_type_hints(endpoint, include_extras=True).get("return")
            model = derive(annotation)
            if model is not annotation:
                options["response_model"] = model
        super().__init__(path, endpoint, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the request, unless a more specific route of the host does."""
        if _PROBE in scope and ":akastats}" in self.path:
            return Match.NONE, {}
        match, child = super().matches(scope)
        is_asked = match is Match.FULL and ":akastats}" in self.path and OWN not in scope
        return (Match.NONE, {}) if is_asked and self._has_rival(scope, child) else (match, child)

    def _has_rival(self, scope: Scope, child: Scope) -> bool:
        router = getattr(scope.get("app"), "router", None)
        if router is None:
            return False
        label = next(iter(child["path_params"].values()))
        after = self.path.rpartition("}")[2]
        before = scope["path"].removesuffix(after).removesuffix(label)
        asked = {name: value for name, value in scope.items() if name not in ("fastapi", "path_params")}
        asked[_PROBE] = True
        any_label = {**asked, "path": f"{before}{_NO_LABEL}{after}"}
        return any(
            route.matches(dict(asked))[0] is Match.FULL and route.matches(dict(any_label))[0] is not Match.FULL
            for route in router.routes
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler with our errors translated."""
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

    Our own application answers the whole message, which names the server's address and what to do. The callers
    of a host are strangers: they learn that the server is away, and the log the rest.
    """
    if OWN in request.scope:
        return str(error)
    log.warning("%s %s: %s", request.method, request.url.path, error)
    return _REASONS.get(type(error), "statistics are not available")


_REASONS: dict[type[AkastatsError], str] = {
    ServerUnreachableError: "the statistics server cannot be reached",
    ConnectionLostError: "the statistics server did not reply",
    ServerBusyError: "the statistics server is busy: try again later",
    AccessDeniedError: "the statistics server refused the request",
    RequestRefusedError: "the statistics server refused the request",
    UnknownScriptError: "the statistics server refused the request",
}


def invalid(errors: Sequence[Any]) -> Problem:
    """Return the first of pydantic's errors as a problem; the input itself is never repeated."""
    place, *names = errors[0]["loc"]
    field = ".".join(map(str, names if place in ("query", "path") else (place, *names)))
    limits = errors[0].get("ctx", {})
    message = errors[0]["msg"].removeprefix("Value error, ")
    limit = next((limits[name] for name in _LIMITS if name in limits), None)
    return Problem(422, f"{field}: {message}", field, limit)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of errors as a host answers them, all with one shared schema."""
    return {
        status: {"model": ProblemDetails, "description": DESCRIPTIONS.get(status, HTTPStatus(status).phrase)}
        for status in statuses
    }


DESCRIPTIONS: Mapping[int, str] = {
    401: "A token is missing or wrong.",
    403: "The token lacks the scope, or the request comes from a page of another origin.",
    404: "Unknown, or expired.",
    408: "The body did not arrive within 10 s.",
    409: "A rule forbids it; the detail names the rule.",
    413: "More bytes than the limit.",
    415: "The body is compressed; send it as it is.",
    421: "The `Host` header names no host of this service.",
    422: "A parameter or the body is not valid; `field` names it.",
    429: "Too many requests; `Retry-After` says when to try again.",
    431: "The header is larger than 32 KiB.",
    503: "The statistics server is away or busy.",
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


def answer_problems(app: FastAPI, stray: Callable[[Request], Response | None] = lambda _: None) -> FastAPI:
    """Have `app`, which is ours, answer every error as problem+json.

    `stray` may answer what no route does in another way, `None` where it does not.
    """

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, AnyHTTPException)
        is_stray = error.status_code == HTTPStatus.NOT_FOUND and not isinstance(error, Problem)
        return (stray(request) if is_stray else None) or answer_of(error)

    app.add_exception_handler(AnyHTTPException, answer)
    app.add_exception_handler(Exception, _answer_failure)
    return app


def answer_of(error: AnyHTTPException) -> Response:
    """Return an error as it is answered."""
    return _response(error, getattr(error, "field", None), getattr(error, "limit", None))


async def _answer_failure(request: Request, error: Exception) -> Response:
    # What went wrong is in the log: Starlette raises it again behind this answer.
    return _response(AnyHTTPException(500, "an error in akastats itself: the log says more"))


def _response(error: AnyHTTPException, field: str | None = None, limit: int | None = None) -> Response:
    title = HTTPStatus(error.status_code).phrase
    details = ProblemDetails(
        title=title, status=error.status_code, detail=str(error.detail), field=field, limit=limit
    )
    return JSONResponse(
        details.model_dump(exclude_none=True), error.status_code, error.headers, media_type=MEDIA_TYPE
    )
