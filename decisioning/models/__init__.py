"""All tables of decisioning, so that Django finds each of them in one place."""

from decisioning.models.logs import (
    DecisionRecord,
    EventRecord,
    GoalCursor,
    OutcomeRecord,
    ShownRecord,
)

__all__ = [
    "DecisionRecord",
    "EventRecord",
    "GoalCursor",
    "OutcomeRecord",
    "ShownRecord",
]
