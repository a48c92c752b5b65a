"""``POST /v1/me``: makes the link of a person's own page, for a channel's server or a visitor's browser."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consent.forms import IN_WORDS, StrictSerializer, parse_person
from consent.ledger import current_person
from consent.people import Identifier
from decisioning.own_page.links import OF_BROWSER, OF_CHANNEL, OwnLink, address_of
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.limits import BROWSER, CONSENTS, CONSENTS_OF_ONE, Rate
from rtts_site.foundation.problems import Problem, Unprocessable


class OwnLinkRequest(StrictSerializer):
    person = serializers.CharField(max_length=300, help_text=IN_WORDS)


class OwnLinkAnswer(serializers.Serializer[Any]):
    url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class OwnLinksView(KeyedView):
    """Links of people's own pages."""

    scopes: ClassVar[dict[str, str]] = {"POST": "consents"}
    rate: ClassVar[Rate] = CONSENTS
    is_open_to_browsers: ClassVar[bool] = True

    @extend_schema(
        summary="Make the link of a person's own page",
        description="Whoever has the link sees and changes the person's choices, without an account.",
        operation_id="own_link_make",
        request=OwnLinkRequest,
        responses={201: OwnLinkAnswer},
    )
    def post(self, request: Request) -> Response:
        form = OwnLinkRequest(data=request.data)
        if not form.is_valid():
            raise Unprocessable(form.errors)
        try:
            named = parse_person(form.validated_data["person"])
        except ValueError as error:
            raise Unprocessable({"person": [str(error)]}) from error
        is_browser = self.key.kind == "browser"
        if is_browser:
            self._check_visitor(named.identifier)
            self.take_from(CONSENTS_OF_ONE, named.id)
        now = timezone.now()
        expires_at = now + (OF_BROWSER if is_browser else OF_CHANNEL)
        link = OwnLink(
            named.id,
            expires_at.timestamp(),
            by_channel=not is_browser,
            made_at=now.timestamp(),
            owner=current_person(named.id),
        )
        return Response({"url": address_of(link), "expires_at": expires_at.isoformat()}, status=201)

    def check_throttles(self, request: Request) -> None:
        """Count a browser's request roughly: by whom it is about once that is read."""
        self.take_from(BROWSER if self.key.kind == "browser" else self.rate, self.key.id)

    def _check_visitor(self, identifier: Identifier | None) -> None:
        if identifier is None or identifier.namespace != "anonymous":
            words = "A browser key may only name anonymous:<anonymous_id>."
            raise Problem(
                403, "Not allowed", words, errors=[{"pointer": "/person", "detail": words}]
            )
