"""The only place that tells the database who asks, so that its triggers can note it beside each edit."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from pghistory.middleware import HistoryMiddleware


class HistoryContext(HistoryMiddleware):
    """Notes the user, the address and an id of the request."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context(request)
        return found | {"request": str(uuid.uuid4())}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Consent has a ledger of its own, and its writes are many.
        if request.path.startswith("/v1/consents"):
            plain: HttpResponse = self.get_response(request)
            return plain
        answer: HttpResponse = super().__call__(request)  # type: ignore[no-untyped-call]  # of pghistory
        return answer
