"""All tables of decisioning, so that Django finds each of them in one place."""

from decisioning.models.connections import Import, Source, SourceRun
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
    "DecisionRecord",
    "EventRecord",
    "GoalCursor",
    "Import",
    "IntakeHour",
    "OutcomeRecord",
    "QualityFault",
    "QuarantineAct",
    "Reconciliation",
    "ShownRecord",
    "Sighting",
    "Source",
    "SourceRun",
    "ValueHour",
]
