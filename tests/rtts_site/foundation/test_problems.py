import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions

from rtts_site.foundation.problems import Problem, as_problem, exception_handler, problem_body


def test_a_problem_has_the_members_of_the_standard():
    errors = [{"pointer": "/placements/0/key", "detail": "Unknown placement."}]
    problem = Problem(400, "Request not valid", "One field is wrong.", errors=errors)

    assert json.loads(problem_body(problem)) == {
        "type": "about:blank",
        "title": "Request not valid",
        "status": 400,
        "detail": "One field is wrong.",
        "errors": errors,
    }


def test_a_serializers_errors_become_pointers():
    error = exceptions.ValidationError(
        {"changes": [{}, {"a/b": ["Wrong."]}], "non_field_errors": ["Too many."]}
    )

    answer = exception_handler(error, {})

    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert answer.data["errors"] == [
        {"pointer": "/changes/1/a~1b", "detail": "Wrong."},
        {"pointer": "", "detail": "Too many."},
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Http404(), 404),
        (PermissionDenied("No."), 403),
        (exceptions.NotAuthenticated(), 401),
        (exceptions.MethodNotAllowed("PUT"), 405),
        (OperationalError(), 503),
        (Problem(418, "Teapot", "Short and stout."), 418),
    ],
)
def test_known_exceptions_have_their_status(error, status):
    assert as_problem(error).status == status


def test_our_own_mistakes_are_left_to_django():
    assert exception_handler(KeyError("x"), {}) is None


def test_waiting_times_reach_the_headers():
    answer = exception_handler(exceptions.Throttled(wait=3), {})

    assert answer.headers["Retry-After"] == "3"
