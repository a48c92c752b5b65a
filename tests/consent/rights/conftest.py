"""A person in every store, and a drain and an archiver to go on with."""

import shutil
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from consent import ledger, people, relay
from consent.changes import Actor, ConsentChange, Evidence
from consent.identities import link_identity
from consent.people import Identifier, person_id
from consent.policy import Status
from consent.rights import running
from consent.rights.asking import Intake, start, take_in, verify
from decisioning.ingestion import history
from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Join, Record
from decisioning.profiles.live_set import announce
from rtts_site.foundation.redis_clients import redis_client
from tests.decisioning.ingestion.people_and_records import drain_all, make_drain

PARTITIONS = range(people.PARTITIONS)


class Somebody:
    """One person with a canary in every field, and what goes on around them."""

    def __init__(self, client):
        self.client = client
        self.canary = f"canary{uuid4().hex[:10]}"
        self.now = timezone.now()
        self.user = f"{self.canary}-{uuid4().hex[:8]}"
        self.device = f"{self.canary}-d-{uuid4().hex[:8]}"
        self.names = (f"user:{self.user}", f"anonymous:{self.device}")
        self.id = person_id(Identifier("user", self.user), pepper=settings.RTTS_PEPPER)
        self.device_id = person_id(
            Identifier("anonymous", self.device), pepper=settings.RTTS_PEPPER
        )
        self.count = 0

    def record(self, person=None, *, at=None, **fields):
        self.count += 1
        moment = int((at or self.now).timestamp() * 1000)
        return Record(
            message_id=fields.pop("message_id", f"{self.canary}-{self.user}-{self.count}"),
            person=person or self.id,
            identifiers=fields.pop("identifiers", self.names[:1]),
            event_time_ms=moment,
            received_at_ms=moment,
            **fields,
        )

    def lives(self):
        """Browse, sign in, buy something, agree to something."""
        accept = event_log(self.client).accept
        accept([self.record(self.device_id, identifiers=self.names[1:], event="Seen")])
        accept(
            [
                self.record(
                    type="identify",
                    identifiers=self.names,
                    joins=(Join(self.device_id, self.names[1]),),
                    attributes={"city": f"{self.canary} city"},
                    traits={"note": f"{self.canary} trait"},
                ),
                self.record(
                    event="Order Completed",
                    properties={
                        "what": f"{self.canary} thing",
                        "deep": [{"er": f"{self.canary} list"}],
                    },
                    context={"page": {"url": f"https://shop/{self.canary}"}},
                ),
            ]
        )
        self.work()
        link_identity(Identifier("user", self.user), self.id, now=self.now)
        self.says(Status.GIVEN)

    def says(self, status, *, at=None, actor="subject", **more):
        at = at or self.now
        evidence = Evidence(
            controller="Shop",
            collection_method=f"{self.canary} banner",
            notice_version="n-7",
            language="en",
            jurisdiction="DE",
        )
        change = ConsentChange(purpose="personalised_ads", status=status, event_time=at)
        return ledger.record_change(
            self.id,
            [change],
            evidence=evidence,
            actor=Actor(kind=actor),
            now=at,
            idempotency_key=f"{self.canary}-{uuid4().hex}",
            **more,
        )

    def work(self):
        """Fold, merge and archive all that came."""
        joined = []
        drain_all(make_drain(self.client, joined))
        for source, target in joined:
            ledger.merge_people(source, target, now=self.now)
        history.archive(self.client, PARTITIONS)

    def asks(self, kind, *, begin=True, **more):
        request = take_in(kind, self.names[0], intake=Intake(by="clara"), now=self.now, **more)
        verify(request, how="letter", by="vera", now=self.now)
        if begin:
            start(request, by="clara")
        return request

    def is_dealt_with(self, request):
        """Let time pass and workers work until the request is done."""
        for _ in range(12):
            running.run(request, now=lambda: self.now)
            if not request.is_open:
                return request
            self.now += timedelta(seconds=10)
            self.work()
        raise AssertionError(f"{request.state}: {request.trouble}, {request.steps}")

    def is_erased(self):
        return self.is_dealt_with(self.asks("erasure"))


@pytest.fixture
def somebody(committed, redis):
    settings.RTTS_ERASURES_FILE.unlink(missing_ok=True)
    for folder in ("rights", "exports", "imports", "spool"):
        shutil.rmtree(settings.RTTS_VAR / folder, ignore_errors=True)
    history.ensure_partitions(months=2)
    relay.restore_trust(redis_client(), now=timezone.now())
    announce(redis, [])
    one = Somebody(redis)
    one.lives()
    yield one
    settings.RTTS_ERASURES_FILE.unlink(missing_ok=True)
