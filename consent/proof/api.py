"""The HTTP of proofs: that an entry is in the ledger's tree, that the tree only ever grew, and the keys that say so."""

import uuid
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent import ledger, receipts
from consent.forms import parse_person
from consent.proof import proving
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.limits import CONSENTS, Rate
from rtts_site.foundation.problems import Problem

SIZES = [
    OpenApiParameter(
        name, OpenApiTypes.INT, OpenApiParameter.QUERY, required=True, description=words
    )
    for name, words in (("from", "Leaves of the older tree."), ("to", "Leaves of the newer tree."))
]


class LedgerView(KeyedView):
    """What whoever checks the ledger may read; nothing of a person."""

    scopes: ClassVar[dict[str, str]] = {"GET": "ledger"}
    rate: ClassVar[Rate] = CONSENTS


class ReceiptProofView(KeyedView):
    """That one entry is in the tree."""

    scopes: ClassVar[dict[str, str]] = {"GET": "consents"}
    rate: ClassVar[Rate] = CONSENTS

    @extend_schema(
        summary="Prove that a consent event is in the ledger",
        description="RFC 9162: the path from the leaf to the root that the checkpoint signs, hashes in hex.",
        operation_id="consents_receipt_proof",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, _request: Request, person: str, receipt: uuid.UUID) -> Response:
        try:
            owner = ledger.current_person(parse_person(person).id)
            row = receipts.find_event(owner, receipt)
            return Response(proving.inclusion_of(row.event_id))
        except (ValueError, LookupError) as error:
            raise _not_found(error) from error


class LatestCheckpointView(LedgerView):
    """The newest signed state of the tree."""

    @extend_schema(
        summary="Fetch the newest checkpoint of the consent ledger",
        description="`checkpoint` is a signed note; keep it: a later tree can be proven to begin with it.",
        operation_id="ledger_latest_checkpoint",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, _request: Request) -> Response:
        try:
            row = proving.latest_checkpoint()
        except proving.NotSealedError as error:
            raise _not_found(error) from error
        told = {
            "size": row.size,
            "root": bytes(row.root).hex(),
            "signed_at": row.signed_at.isoformat(),
            "checkpoint": row.note,
        }
        return Response(told)


class ConsistencyView(LedgerView):
    """That a tree is the beginning of a larger one."""

    @extend_schema(
        summary="Prove that the consent ledger only grew between two checkpoints",
        operation_id="ledger_consistency",
        parameters=SIZES,
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        sizes = [_size(request.query_params.get(name, ""), name) for name in ("from", "to")]
        try:
            return Response(proving.consistency_between(*sizes))
        except proving.NotSealedError as error:
            raise _not_found(error) from error
        except ValueError as error:
            raise Problem(422, "Not a proof", str(error)) from error


class LedgerKeysView(LedgerView):
    """The public keys."""

    @extend_schema(
        summary="Fetch the keys that checkpoints and receipts verify with",
        operation_id="ledger_keys",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, _request: Request) -> Response:
        return Response(proving.public_keys())


def _size(text: str, name: str) -> int:
    # int() also takes signs, blanks and digits of other scripts.
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    detail = f"Write {name} as a number of leaves, e.g. {name}=100."
    errors: list[Any] = [{"pointer": f"/{name}", "detail": detail}]
    raise Problem(422, "Not a number", detail, errors=errors)


def _not_found(error: Exception) -> Problem:
    return Problem(404, "Not found", str(error))
