"""Errors as they are answered: one exception, the route that raises it, and problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as AnyHTTPException

from akastats.api.shapes import ProblemDetails
from akastats.errors import AkastatsError, NotFoundError, RefusedError

MEDIA_TYPE = "application/problem+json"
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


class Route(APIRoute):
    """A route whose errors are `Problem`s, so that it needs no exception handler where it is attached."""

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
                raise Problem(503, str(error)) from error

        return handle


def invalid(errors: Sequence[Any]) -> Problem:
    """Return the first of pydantic's errors as a problem; the input itself is never repeated."""
    place, *names = errors[0]["loc"]
    field = ".".join(map(str, names if place in ("query", "path") else (place, *names)))
    limits = errors[0].get("ctx", {})
    message = errors[0]["msg"].removeprefix("Value error, ")
    limit = next((limits[name] for name in _LIMITS if name in limits), None)
    return Problem(422, f"{field}: {message}", field, limit)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes errors: problem+json on our application, plain JSON on a host."""
    schema = ProblemDetails.model_json_schema()
    content = {kind: {"schema": schema} for kind in (MEDIA_TYPE, "application/json")}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


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
