"""Everything marketers author, review and publish, as rows."""

from campaigns.models.changes import Change, OpenChange, ReviewComment
from campaigns.models.items import (
    PROXIES,
    Attribute,
    Campaign,
    Channel,
    EventType,
    Experiment,
    Item,
    Kind,
    Offer,
    Placement,
    Purpose,
    ReleaseSettings,
    Segment,
)
from campaigns.models.releases import Release
from campaigns.models.revisions import Revision

__all__ = [
    "PROXIES",
    "Attribute",
    "Campaign",
    "Change",
    "Channel",
    "EventType",
    "Experiment",
    "Item",
    "Kind",
    "Offer",
    "OpenChange",
    "Placement",
    "Purpose",
    "Release",
    "ReleaseSettings",
    "ReviewComment",
    "Revision",
    "Segment",
]
