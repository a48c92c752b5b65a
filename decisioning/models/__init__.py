"""All tables of decisioning, so that Django finds each of them in one place."""

from decisioning.models.connections import Import, Source, SourceRun
from decisioning.models.dispatching import (
    ConsentsReached,
    Destination,
    MemberExport,
    Sending,
    Wanted,
)
from decisioning.models.enriching import IntakeDocument
from decisioning.models.logs import (
    DecisionRecord,
    EventRecord,
    GoalCursor,
    OutcomeRecord,
    ShownRecord,
)
from decisioning.models.observing import (
    IntakeHour,
    QualityFault,
    QuarantineAct,
    Reconciliation,
    Sighting,
    ValueHour,
)

__all__ = [
    "ConsentsReached",
    "DecisionRecord",
    "Destination",
    "EventRecord",
    "GoalCursor",
    "Import",
    "IntakeDocument",
    "IntakeHour",
    "MemberExport",
    "OutcomeRecord",
    "QualityFault",
    "QuarantineAct",
    "Reconciliation",
    "Sending",
    "ShownRecord",
    "Sighting",
    "Source",
    "SourceRun",
    "ValueHour",
    "Wanted",
]
