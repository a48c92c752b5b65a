"""People and changes that tests of consent speak of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from consent.changes import Actor, ConsentChange, Evidence
from consent.people import Identifier, person_id
from consent.policy import PurposeSpec, Status, seal_policy

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ADS = "personalised_ads"
MAIL = "email_marketing"
CARE = "service_quality"
EVIDENCE = Evidence(
    controller="Example Shop Ltd",
    collection_method="cookie banner",
    notice_version="n-7",
    language="en",
    jurisdiction="DE",
)
SUBJECT = Actor(kind="subject")
POLICY = seal_policy(
    [
        PurposeSpec(key=ADS, name="Personalised advertising", device_access=True, gpc=True),
        PurposeSpec(key=MAIL, name="E-mail marketing", validity_days=365),
        PurposeSpec(key=CARE, name="Service quality", basis="legitimate_interest"),
    ],
    version=1,
)


def make_person():
    """Return the id of somebody nobody else has."""
    return person_id(Identifier("user", uuid4().hex), pepper=b"tests")


def given(purpose=ADS, *, at=NOW, **more):
    return ConsentChange(purpose=purpose, status=Status.GIVEN, event_time=at, **more)


def withdrawn(purpose=ADS, *, at=NOW + timedelta(minutes=1), **more):
    return replace(given(purpose, at=at, **more), status=Status.WITHDRAWN)
