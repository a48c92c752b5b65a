"""The form of each kind."""

from campaigns.forms.catalogue import (
    AttributeForm,
    ChannelForm,
    EventTypeForm,
    PlacementForm,
    PurposeForm,
    ReleaseSettingsForm,
)
from campaigns.forms.items import ItemForm, author_of, current_revision
from campaigns.forms.offers import CampaignForm, ExperimentForm, OfferForm, SegmentForm
from campaigns.forms.policies import JurisdictionForm, NoticeForm
from campaigns.forms.triggers import TriggerForm

FORMS: dict[str, type[ItemForm]] = {
    form.kind: form
    for form in (
        *(AttributeForm, EventTypeForm, ChannelForm, PlacementForm, SegmentForm),
        *(OfferForm, CampaignForm, ExperimentForm, TriggerForm),
        *(PurposeForm, JurisdictionForm, NoticeForm, ReleaseSettingsForm),
    )
}

__all__ = ["FORMS", "ItemForm", "author_of", "current_revision"]
