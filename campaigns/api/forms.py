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
    time_zone = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=60,
        help_text="Dates are read in it.",
    )


class MakeForm(SaveForm):
    body = serializers.DictField(help_text="What the thing says, with its key.")


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


class ThingForm(StrictSerializer):
    kind = serializers.CharField(help_text="As in addresses, e.g. `offers`.")
    key = serializers.CharField()


class CommentForm(StrictSerializer):
    text = serializers.CharField(max_length=2000)
    answers = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Id of the comment it answers."
    )
    thing = ThingForm(required=False, help_text="What it is about; else the whole change.")
    field = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=60, help_text="E.g. `eligibility`."
    )


class ResolveForm(StrictSerializer):
    open = serializers.BooleanField(required=False, default=False, help_text="Open it again.")


class ImportForm(StrictSerializer):
    title = serializers.CharField(max_length=120, help_text="Of the change that is made.")
    document = serializers.DictField(
        help_text="As `GET /v1/export` gives it. A thing may name the `version` it was read at, as an export with "
        "`versions=true` or reading one thing gives it."
    )
    dry_run = serializers.BooleanField(required=False, default=False)


class RollBackForm(StrictSerializer):
    why = serializers.CharField(max_length=500)


class ItemAnswer(serializers.Serializer[object]):
    kind = serializers.CharField()
    key = serializers.CharField()
    name = serializers.CharField()
    live = serializers.DictField(allow_null=True, help_text="What is live, or null.")
    draft = serializers.DictField(allow_null=True, help_text="What your current change says.")
    details = serializers.DictField(help_text="Description and time zone.")
    words = serializers.CharField()
    version = serializers.CharField(help_text="Send it as If-Match when you save.")


class LineAnswer(serializers.Serializer[object]):
    field = serializers.CharField(help_text="Of the body; comments name it.")
    change = serializers.ChoiceField(["added", "removed", "changed"])
    label = serializers.CharField()  # type: ignore[assignment]  # a field called like Field.label
    before = serializers.CharField()
    after = serializers.CharField()


class ToldAnswer(serializers.Serializer[object]):
    kind = serializers.CharField()
    key = serializers.CharField()
    verb = serializers.CharField()
    author = serializers.CharField()
    lines = LineAnswer(many=True)


class GivenAnswer(serializers.Serializer[object]):
    by = serializers.CharField()
    at = serializers.DateTimeField()
    digest = serializers.CharField(help_text="The review digest that was read.")


class NeedAnswer(serializers.Serializer[object]):
    count = serializers.IntegerField()
    role = serializers.CharField(allow_null=True)
    because = serializers.ListField(child=serializers.CharField())
    missing = serializers.IntegerField()
    given = GivenAnswer(many=True)


class CommentAnswer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    answers = serializers.IntegerField(allow_null=True)
    thing = ThingForm(allow_null=True)
    field = serializers.CharField()
    author = serializers.CharField(allow_null=True)
    text = serializers.CharField()
    at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class RowFindingAnswer(serializers.Serializer[object]):
    row = serializers.IntegerField(help_text="From 0; -1 is something that is live already.")
    pointer = serializers.CharField()
    detail = serializers.CharField()


class ImportAnswer(serializers.Serializer[object]):
    dry_run = serializers.BooleanField()
    change = serializers.IntegerField(allow_null=True)
    saved = serializers.ListField(child=serializers.CharField())
    same = serializers.IntegerField(help_text="Rows that say what is live already.")
    findings = RowFindingAnswer(many=True)


class ChangeAnswer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    title = serializers.CharField()
    state = serializers.ChoiceField(Change.State.choices)
    authors = serializers.ListField(child=serializers.CharField())
    approved_by = serializers.CharField(allow_null=True)
    candidate_digest = serializers.CharField(allow_null=True, help_text="Of the release to be.")
    review_digest = serializers.CharField(
        allow_null=True,
        help_text="Of release, consent policy, revisions and title; it is approved.",
    )
    version = serializers.CharField(required=False, help_text="Send it as If-Match.")
    approvals = NeedAnswer(many=True, required=False)
    missing = serializers.CharField(required=False, help_text="Which approvals, in words.")
    told = ToldAnswer(many=True, required=False)


class StopAnswer(serializers.Serializer[object]):
    kind = serializers.CharField()
    key = serializers.CharField()
    why = serializers.CharField()
    stopped_by = serializers.CharField()
    stopped_at = serializers.DateTimeField()
    lifted_at = serializers.DateTimeField(allow_null=True)


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
