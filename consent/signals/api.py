"""``POST /v1/consents/messages``: what people write back, so that any wording of STOP stops."""

from typing import Any, ClassVar, Final

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from consent import policy_store
from consent.forms import IN_WORDS, StrictSerializer, parse_person
from consent.identities import link_identity
from consent.ledger import StoreUnavailableError
from consent.signals.stop_words import asks_to_stop
from consent.signals.stopping import stop_messages
from rtts_site.foundation.api_access import KeyedView
from rtts_site.foundation.limits import CONSENTS, Rate
from rtts_site.foundation.problems import Problem, Unprocessable

LONGEST_TEXT: Final = 100_000  # an e-mail with all that it answers; only its beginning is looked at


class InboundMessage(StrictSerializer):
    """One message that a person sent to a number or an address of the house."""

    person = serializers.CharField(max_length=300, help_text=IN_WORDS)
    channel = serializers.CharField(max_length=100, help_text="E.g. sms.")
    text = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, trim_whitespace=False)
    message_id = serializers.CharField(max_length=100, required=False)


class InboundAnswer(serializers.Serializer[Any]):
    """What became of it."""

    stopped = serializers.BooleanField()
    scope = serializers.CharField(help_text="channel or all, as RTTS_STOP_SCOPE says.")
    receipts = serializers.ListField(child=serializers.UUIDField())


class InboundMessagesView(KeyedView):
    """Messages that people write back."""

    scopes: ClassVar[dict[str, str]] = {"POST": "consents"}
    rate: ClassVar[Rate] = CONSENTS

    @extend_schema(
        summary="Say what a person wrote back, so that STOP stops",
        description="Any reasonable wording counts, in English and German. Other messages change nothing.",
        operation_id="consents_message",
        request=InboundMessage,
        responses={200: InboundAnswer},
    )
    def post(self, request: Request) -> Response:
        form = InboundMessage(data=request.data)
        if not form.is_valid():
            raise Unprocessable(form.errors)
        said, now = form.validated_data, timezone.now()
        try:
            named = parse_person(said["person"])
        except ValueError as error:
            raise Unprocessable({"person": [str(error)]}) from error
        scope = settings.RTTS_STOP_SCOPE
        answer: dict[str, Any] = {"stopped": False, "scope": scope, "receipts": []}
        if not asks_to_stop(said["text"]):
            return Response(answer)
        policy = policy_store.live_policy()
        if policy is None:
            raise Problem(409, "No policy", "Publish a consent policy first, then send it again.")
        if named.identifier is not None:
            link_identity(named.identifier, named.id, now=now)
        try:
            recorded = stop_messages(
                named.id,
                policy,
                channel=said["channel"],
                scope=scope,
                message=f"{self.key.id}:{said['message_id']}" if "message_id" in said else "",
                now=now,
            )
        except StoreUnavailableError as error:
            raise Problem(503, "Not recorded", str(error), extra={"recorded": False}) from error
        receipts = [str(event) for event in recorded.events] if recorded else []
        return Response(answer | {"stopped": recorded is not None, "receipts": receipts})
