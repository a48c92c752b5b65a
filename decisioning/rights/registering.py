"""Registers what decisioning does for people's rights; the order of the stores is the order of erasing."""

from consent.proof import days
from consent.rights import closing, erasing, exporting, running
from consent.rights.stores import exempt, on_finding, register
from decisioning.decision_days import DECISIONS
from decisioning.rights import in_postgres, in_redis, on_disk, stopping, telling

AGGREGATES = "counts, shapes and rates over many people; no value of anybody"


def register_all() -> None:
    """Register stores, hooks and exemptions, and the log that has to stay as it is but for erasures."""
    on_finding(stopping.find)
    erasing.on_erasing(stopping.close)
    erasing.on_replaying(stopping.close_at_once)
    erasing.on_telling(telling.tell)
    closing.on_opening(stopping.open_again)
    running.on_correcting(stopping.correct)
    exporting.on_describing(telling.recipients)
    for store in (
        on_disk.spools(),
        in_redis.counters(),
        in_redis.dedupe_keys(),
        in_redis.streams(),
        in_redis.debugger(),
        in_postgres.history(),
        in_postgres.decisions(),
        in_postgres.shown_and_outcomes(),
        in_postgres.sendings(),
        in_postgres.refusals(),
        on_disk.member_exports(),
        on_disk.imported_files(),
    ):
        register(store)
    _exempt_others()
    days.register(DECISIONS)


def _exempt_others() -> None:
    exempt(
        [
            *("table:decisioning.IntakeHour", "table:decisioning.ValueHour"),
            *("table:decisioning.Sighting", "table:decisioning.QualityFault"),
            *("redis:observed:batches", "redis:learned:bandit", "redis:learned:bandit:version"),
            *("redis:watch:moves:{}", "redis:watch:moved:{}:{}"),
        ],
        because=AGGREGATES,
    )
    exempt(
        [
            *("table:decisioning.Source", "table:decisioning.Destination"),
            *("table:decisioning.IntakeDocument", "table:decisioning.QuarantineAct"),
            *("table:decisioning.ConsentsReached", "table:decisioning.GoalCursor"),
            *("redis:intake:terms", "redis:intake:products", "redis:intake:versions"),
            *("redis:intake:provided:{}", "folder:releases", "folder:static"),
        ],
        because="written by staff, or a place in a queue",
    )
    exempt(
        [
            *("redis:{}:position", "redis:{}:aggregates", "redis:{}:watching"),
            *("redis:aggregates:live", "redis:aggregates:version", "redis:aggregates:wanted"),
            *("redis:aggregates:complete", "redis:roster:whole", "redis:watch:live"),
            *("redis:watch:version", "redis:watch:source", "redis:debug:watched"),
            *("redis:{}:credit:{}", "redis:{}:held:{}", "redis:total:closed_until"),
            *("redis:{}:seeded", "redis:release:live", "redis:release:artifact:"),
            *("redis:release:previewed", "redis:release:stops", "redis:source:{}:run:{}"),
            *("redis:connections:pulling", "redis:lock:{}", "redis:dispatch:collect"),
            "redis:dispatch:send",
        ],
        because="positions, locks, releases and digests",
    )
