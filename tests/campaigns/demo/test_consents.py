from collections import Counter
from datetime import UTC, datetime

from django.conf import settings

from campaigns.demo import consents
from campaigns.demo.catalogue import EMAIL, OFFERS
from campaigns.demo.identifiers import user_id
from consent.changes import missing_evidence
from consent.models import ConsentEvent, ConsentState
from consent.people import Identifier, person_id
from consent.policy import Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEPPER = settings.RTTS_PEPPER


def first_who_said(wanted):
    return next(n for n in range(1, 2_500) if consents.said_by(n).get(OFFERS) == wanted)


def test_every_kind_of_state_is_there():
    said = Counter(consents.said_by(number).get(OFFERS) for number in range(1, 2_501))

    assert said[Status.GIVEN] > said[Status.WITHDRAWN] > 100
    assert said[Status.REFUSED] > 100
    assert said[None] > 150


def test_a_grant_has_all_the_evidence_it_needs():
    for number in range(1, 50):
        for change in consents.changes_of(number, now=NOW):
            assert missing_evidence(change, consents.EVIDENCE) == []
            assert change.event_time < NOW


def test_a_withdrawal_follows_a_grant():
    number = first_who_said(Status.WITHDRAWN)

    changes = [one for one in consents.changes_of(number, now=NOW) if one.purpose == OFFERS]

    assert [one.status for one in changes] == [Status.GIVEN, Status.WITHDRAWN]
    assert changes[0].event_time < changes[1].event_time


def test_records_once(db, redis):
    number = first_who_said(Status.WITHDRAWN)
    before = ConsentEvent.objects.count()

    for _ in range(2):
        consents.record_consents([number], pepper=PEPPER, now=NOW, progress=lambda *_: None)

    person = person_id(Identifier("user", user_id(number)), pepper=PEPPER)
    states = {row.purpose: row.status for row in ConsentState.objects.filter(person=person)}
    assert states[OFFERS] == "withdrawn"
    assert states[EMAIL] == "withdrawn"
    recorded = ConsentEvent.objects.count() - before
    assert recorded == len(list(consents.changes_of(number, now=NOW)))
