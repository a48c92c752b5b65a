"""Everything marketers author, review and publish, as rows."""

from campaigns.models.approvals import Approval, ApprovalRule
from campaigns.models.attention import Analysis, Dismissal
from campaigns.models.audiences import AudienceRecord, ExactCount, ExactRange
from campaigns.models.changes import Change, OpenChange, ReviewComment
from campaigns.models.compliance import CrowdReport, OptOutDrill
from campaigns.models.everyday import CsvImport, ListColumns, SavedFilter
from campaigns.models.items import (
    PROXIES,
    Attribute,
    Campaign,
    Channel,
    EventType,
    Experiment,
    Item,
    Jurisdiction,
    Kind,
    Offer,
    Placement,
    PrivacyNotice,
    Purpose,
    ReleaseSettings,
    Segment,
    Trigger,
)
from campaigns.models.notices import Delivery, Event, MutedEvent, Notice, Webhook
from campaigns.models.pictures import Picture, StoredFile
from campaigns.models.previews import Preview
from campaigns.models.releases import Release
from campaigns.models.revisions import Revision
from campaigns.models.roles import GivenPermission
from campaigns.models.stops import Stop
from campaigns.models.tracked import (
    TrackedApiKey,
    TrackedApprovalRule,
    TrackedChange,
    TrackedDestination,
    TrackedRole,
    TrackedSource,
    TrackedTags,
    TrackedUser,
    TrackedWebhook,
)

__all__ = [
    "PROXIES",
    "Analysis",
    "Approval",
    "ApprovalRule",
    "Attribute",
    "AudienceRecord",
    "Campaign",
    "Change",
    "Channel",
    "CrowdReport",
    "CsvImport",
    "Delivery",
    "Dismissal",
    "Event",
    "EventType",
    "ExactCount",
    "ExactRange",
    "Experiment",
    "GivenPermission",
    "Item",
    "Jurisdiction",
    "Kind",
    "ListColumns",
    "MutedEvent",
    "Notice",
    "Offer",
    "OpenChange",
    "OptOutDrill",
    "Picture",
    "Placement",
    "PrivacyNotice",
    "Preview",
    "Purpose",
    "Release",
    "ReleaseSettings",
    "ReviewComment",
    "Revision",
    "SavedFilter",
    "Segment",
    "Stop",
    "StoredFile",
    "TrackedApiKey",
    "TrackedApprovalRule",
    "TrackedChange",
    "TrackedDestination",
    "TrackedRole",
    "TrackedSource",
    "TrackedTags",
    "TrackedUser",
    "TrackedWebhook",
    "Trigger",
    "Webhook",
]
