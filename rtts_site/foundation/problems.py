"""The only maker of error answers: problem details as RFC 9457 has them, for raw ASGI and for the management API alike."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"


class FieldProblem(TypedDict):
    """One wrong field, e.g. ``{"pointer": "/placements/0/key", "detail": "Unknown placement."}``."""

    pointer: str  # JSON pointer (RFC 6901); "" is the whole body
    detail: str


class Unprocessable(exceptions.ValidationError):
    """What a serializer found wrong with a well-formed body; answered 422."""

    status_code = 422


class Problem(Exception):
    """An answer that is not the asked one; every edge turns it into problem details."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Sequence[tuple[str, str]] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = list(headers)
        self.extra = extra or {}

    def members(self) -> dict[str, Any]:
        """Return the members of the body, e.g. ``{"type": "about:blank", "status": 409, …}``."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        return body | self.extra

    def body(self) -> bytes:
        """Return the body as UTF-8 JSON."""
        return problem_body(self)


def problem_body(problem: Problem) -> bytes:
    """Return the body of a problem answer as UTF-8 JSON."""
    return json.dumps(problem.members(), ensure_ascii=False).encode("utf-8", "replace")


def invalid_field(pointer: str, detail: str, *, status: int = 422) -> Problem:
    """Return the answer to one wrong field, e.g. ``invalid_field("/purpose", "Unknown purpose.")``."""
    return Problem(
        status,
        "Request not valid",
        f"{pointer or '/'}: {detail}",
        errors=[{"pointer": pointer, "detail": detail}],
    )


def exception_handler(exc: Exception, _context: dict[str, Any]) -> Response | None:
    """Answer for the management API; None lets Django treat an error of our own as one."""
    problem = as_problem(exc)
    if problem is None:
        return None
    return Response(
        json.loads(problem_body(problem)),  # what a client wrote need not be text that can be sent
        status=problem.status,
        headers=dict(problem.headers),
        content_type=CONTENT_TYPE,
    )


def as_problem(exc: Exception) -> Problem | None:
    """Return the problem that an exception of Django or the REST framework stands for, else None."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, Http404):
        return Problem(404, "Not found", str(exc) or "There is nothing at this address.")
    if isinstance(exc, PermissionDenied):
        return Problem(403, "Not allowed", str(exc) or "You may not do this.")
    if isinstance(exc, OperationalError | InterfaceError):
        return Problem(503, "Database unavailable", "The database does not answer; try again.")
    if isinstance(exc, exceptions.ValidationError):
        return _from_validation(exc)
    if isinstance(exc, exceptions.APIException):
        return _from_api_exception(exc)
    return None


def _from_validation(exc: exceptions.ValidationError) -> Problem:
    errors = [FieldProblem(pointer=pointer, detail=words) for pointer, words in _walk(exc.detail)]
    first = errors[0] if errors else FieldProblem(pointer="", detail="Not valid.")
    return Problem(
        exc.status_code,
        "Request not valid",
        f"{first['pointer'] or '/'}: {first['detail']}",
        errors=errors,
    )


def _from_api_exception(exc: exceptions.APIException) -> Problem:
    headers = []
    if getattr(exc, "auth_header", None):
        headers.append(("WWW-Authenticate", str(getattr(exc, "auth_header"))))  # noqa: B009
    if getattr(exc, "wait", None):
        headers.append(("Retry-After", str(int(getattr(exc, "wait")))))  # noqa: B009
    title = str(exc.default_code).replace("_", " ").capitalize()
    return Problem(exc.status_code, title, str(exc.detail), headers=headers)


def _walk(detail: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else "/" + _escape(str(name))
            yield from _walk(inner, pointer + step)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _walk(inner, f"{pointer}/{index}" if nested else pointer)
    else:
        yield pointer, str(detail)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
