"""The shapes of the management API, for checking what comes in and describing what goes out."""

from rest_framework import serializers

from campaigns.models import Change, Release
from consent.forms import StrictSerializer


class SaveForm(StrictSerializer):
    body = serializers.DictField(help_text="What the thing says; the key is that of the address.")
    change = serializers.IntegerField(
        required=False, min_value=1, help_text="The change to save into; else your current one."
    )
    why = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=2000
    )


class ArchiveForm(StrictSerializer):
    change = serializers.IntegerField(required=False, min_value=1)
    why = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class OpenForm(StrictSerializer):
    title = serializers.CharField(max_length=120)


class StepForm(StrictSerializer):
    digest = serializers.CharField(
        required=False,
        default="",
        max_length=80,
        help_text="To approve: the `review_digest` that was read.",
    )
    text = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class RollBackForm(StrictSerializer):
    why = serializers.CharField(max_length=500)


class ItemAnswer(serializers.Serializer[object]):
    kind = serializers.CharField()
    key = serializers.CharField()
    name = serializers.CharField()
    live = serializers.DictField(allow_null=True, help_text="What is live, or null.")
    draft = serializers.DictField(allow_null=True, help_text="What your current change says.")
    words = serializers.CharField()
    version = serializers.CharField(help_text="Send it as If-Match when you save.")


class LineAnswer(serializers.Serializer[object]):
    label = serializers.CharField()  # type: ignore[assignment]  # a field called like Field.label
    before = serializers.CharField()
    after = serializers.CharField()


class ToldAnswer(serializers.Serializer[object]):
    kind = serializers.CharField()
    key = serializers.CharField()
    verb = serializers.CharField()
    author = serializers.CharField()
    lines = LineAnswer(many=True)


class ChangeAnswer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    title = serializers.CharField()
    state = serializers.ChoiceField(Change.State.choices)
    authors = serializers.ListField(child=serializers.CharField())
    approved_by = serializers.CharField(allow_null=True)
    candidate_digest = serializers.CharField(allow_null=True, help_text="Of the release to be.")
    review_digest = serializers.CharField(
        allow_null=True, help_text="Of release, consent policy and revisions; it is approved."
    )
    told = ToldAnswer(many=True, required=False)


class ReleaseAnswer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(Release.State.choices)
    digest = serializers.CharField()
    approved_digest = serializers.CharField()
    approved_by = serializers.CharField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    change = serializers.IntegerField(allow_null=True)
    restores = serializers.IntegerField(allow_null=True)


class ResultAnswer(serializers.Serializer[object]):
    name = serializers.CharField()
    decisions = serializers.IntegerField()
    impressions = serializers.IntegerField()
    clicks = serializers.IntegerField()
    conversions = serializers.IntegerField()
    dismissals = serializers.IntegerField()
    value = serializers.FloatField()
