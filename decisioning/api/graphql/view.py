"""Answers ``POST /v1/graphql``: what cannot be executed is a problem, what fails while it is stands in the answer."""

from typing import Any, ClassVar, Final

from django.db import DatabaseError
from drf_spectacular.utils import extend_schema, inline_serializer
from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisioning.api.graphql.cost import MAX_COST, MAX_DEPTH, TooDear, check
from decisioning.api.graphql.types import Asker, schema
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.problems import FieldProblem, Problem
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS: Final = 1_000
MAX_QUERY: Final = 8_192  # characters
MAX_TOKENS: Final = 1_000
AWAY: Final = (*Down, DatabaseError)
FAULTS: Final = 5  # that are told of a query


class GraphQLView(KeyedView):
    """Reads over profiles, history and decisions."""

    scopes: ClassVar[dict[str, str]] = {"POST": "profiles"}

    @extend_schema(
        summary="Read profiles, events and decisions with GraphQL",
        description=(
            f"Queries only, introspection included. At most {MAX_QUERY:,} characters, {MAX_DEPTH} fields deep, "
            f"at a cost of {MAX_COST:,}: a field costs 1, once for each row that it may be in. "
            "A query that cannot be executed is a problem; a field that fails is null, and why is in `errors`."
        ),
        operation_id="graphql",
        request=inline_serializer(
            "GraphQLRequest",
            {
                "query": serializers.CharField(max_length=MAX_QUERY),
                "variables": serializers.DictField(required=False, allow_null=True),
                "operationName": serializers.CharField(required=False, allow_null=True),
            },
        ),
        responses={
            200: inline_serializer(
                "GraphQLAnswer",
                {
                    "data": serializers.DictField(allow_null=True),
                    "errors": serializers.ListField(child=serializers.DictField(), required=False),
                },
            )
        },
    )
    def post(self, request: Request) -> Response:
        query, variables, operation = _asked(request.data)
        document = _parsed(query)
        try:
            check(document, operation=operation, variables=variables)
        except TooDear as error:
            raise _unfit("/query", [str(error)]) from error
        asker = Asker(redis_client(timeout_ms=TIMEOUT_MS), self.key)
        result = schema.execute_sync(
            query, variable_values=variables, context_value=asker, operation_name=operation
        )
        if result.data is None and result.errors and not any(one.path for one in result.errors):
            raise _unfit("/variables", [one.message for one in result.errors[:FAULTS]])
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_told(one) for one in result.errors]
        return Response(answer)


def _asked(body: Any) -> tuple[str, dict[str, Any], str | None]:
    """Return query, variables and the name of the operation.

    Raises:
        Problem: 422, one of them is not what it should be.
    """
    if not isinstance(body, dict):
        raise _unfit("", ["Send a JSON object with a query."])
    query, operation = body.get("query"), body.get("operationName")
    variables = body.get("variables") or {}
    if not isinstance(query, str) or not 0 < len(query) <= MAX_QUERY:
        raise _unfit("/query", [f"Send a query of 1 to {MAX_QUERY:,} characters."])
    if not isinstance(variables, dict):
        raise _unfit("/variables", ["Send an object."])
    if operation is not None and not isinstance(operation, str):
        raise _unfit("/operationName", ["Send a text."])
    return query, variables, operation


def _parsed(query: str) -> DocumentNode:
    try:
        document = parse(query, no_location=True, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        raise _unfit("/query", [error.message]) from error
    except RecursionError as error:
        raise _unfit("/query", ["The query is nested too deep."]) from error
    for one in document.definitions:
        if isinstance(one, OperationDefinitionNode) and one.operation != OperationType.QUERY:
            raise _unfit("/query", ["Only queries are answered: nothing is written here."])
    faults = validate(schema._schema, document, max_errors=FAULTS)
    if faults:
        raise _unfit("/query", [one.message for one in faults[:FAULTS]])
    return document


def _unfit(pointer: str, details: list[str]) -> Problem:
    errors: list[FieldProblem] = [{"pointer": pointer, "detail": one} for one in details]
    return Problem(422, "Not a query that can be answered", details[0], errors=errors)


def _told(error: GraphQLError) -> dict[str, Any]:
    """Return an error of a field; of what the server did wrong only that it did."""
    original = error.original_error
    if isinstance(original, AWAY):
        message = "The store of this field does not answer; try again."
    elif original is None or isinstance(original, GraphQLError):
        message = error.message
    else:
        message = "This field could not be read."
    return {"message": message, "path": error.path}
