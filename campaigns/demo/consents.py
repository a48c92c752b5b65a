"""What the demo's households allow: some of everything, each recorded by the ledger with its evidence."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from campaigns.demo.catalogue import ANALYTICS, EMAIL, OFFERS, PERSONALISATION
from campaigns.demo.identifiers import share_of, user_id
from consent.changes import Actor, ConsentChange, Evidence
from consent.importing import Import, import_changes
from consent.people import Identifier, person_id
from consent.policy import Status

Said = dict[str, Status]

GIVEN, REFUSED, WITHDRAWN = Status.GIVEN, Status.REFUSED, Status.WITHDRAWN
# Share of the households and what they said; who is past the last one was never asked.
MOODS: tuple[tuple[float, Said], ...] = (
    (0.60, {OFFERS: GIVEN, PERSONALISATION: GIVEN, EMAIL: GIVEN}),
    (0.12, {OFFERS: GIVEN, PERSONALISATION: GIVEN, EMAIL: REFUSED}),
    (0.08, {OFFERS: WITHDRAWN, PERSONALISATION: GIVEN, EMAIL: WITHDRAWN}),
    (0.06, {OFFERS: REFUSED, PERSONALISATION: REFUSED, EMAIL: REFUSED}),
    (0.04, {OFFERS: GIVEN, PERSONALISATION: GIVEN, ANALYTICS: Status.OBJECTED}),
)
EVIDENCE = Evidence(
    controller="Demo Grocers",
    collection_method="imported with the demo data",
    notice_version="demo-1",
    language="en",
    jurisdiction="unknown",
    service="loyalty card",
    source="rtts_demo",
)
SOURCE = Import(name="rtts_demo", evidence=EVIDENCE, actor=Actor(kind="system", id="rtts_demo"))


def said_by(household: int) -> Said:
    """Return what a household says, always the same; {} is one that was never asked."""
    share = share_of(household, salt="consent")
    for size, said in MOODS:
        if share < size:
            return said
        share -= size
    return {}


def changes_of(household: int, *, now: datetime) -> Iterator[ConsentChange]:
    """Yield what a household said some time in the last 300 days."""
    asked_at = now - timedelta(days=1 + int(share_of(household, salt="asked") * 300))
    for purpose, status in said_by(household).items():
        if status is WITHDRAWN:
            yield ConsentChange(purpose=purpose, status=GIVEN, event_time=asked_at)
            later = asked_at + (now - asked_at) / 2
            yield ConsentChange(purpose=purpose, status=WITHDRAWN, event_time=later)
        else:
            yield ConsentChange(purpose=purpose, status=status, event_time=asked_at)


def record_consents(
    households: list[int],
    *,
    pepper: bytes,
    now: datetime,
    progress: Callable[[str, int, int], None],
) -> None:
    """Record what the households say; one that is recorded already is left alone.

    Raises:
        consent.ledger.StoreUnavailableError: PostgreSQL is away; run it again.
    """
    said = {
        person_id(Identifier("user", user_id(one)), pepper=pepper): list(changes_of(one, now=now))
        for one in households
        if said_by(one)
    }
    done = 0
    for count in import_changes(said, source=SOURCE, now=now):
        done += count
        progress("consents", done, len(said))
