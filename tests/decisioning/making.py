"""A small release, people and keys that tests of deciding share."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from django.conf import settings

from consent import people, state
from consent.policy import PurposeSpec, State, Status, seal_policy
from consent.policy_store import put_policy
from decisioning.api.app import app
from decisioning.api.process import this_process
from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import encode_profile
from decisioning.releases import publish_release
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import compile_release
from decisioning.specs import (
    ArmSpec,
    AttributeSpec,
    CampaignSpec,
    ChannelSpec,
    EventTypeSpec,
    ExperimentSpec,
    OfferSpec,
    PlacementSpec,
    PropertySpec,
    ReleaseSpec,
    SegmentSpec,
    VariantSpec,
)
from rtts_site.foundation import api_keys
from rtts_site.foundation.redis_clients import server_run_id

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ADS = ("personalised_ads",)
SHOP = ("service",)
GOLD = {"attribute": "loyalty_tier", "is": "eq", "value": "gold"}
BUYER = {"event": "Order Completed", "count": {"is": "gte", "value": 2}, "within": "30d"}


def variant(*placements, key="a", **content):
    return VariantSpec(key=key, placements=placements, content=content or {"title": key})


def offer(key, *placements, purposes=ADS, **fields):
    placements = placements or ("web.home.hero",)
    fields.setdefault("variants", (variant(*placements, title=key),))
    return OfferSpec(key=key, name=key.replace("-", " ").title(), purposes=purposes, **fields)


def campaign(key, *offers, **fields):
    fields.setdefault("goal_event", "Order Completed")
    return CampaignSpec(key=key, name=key.title(), offers=offers, **fields)


def release(*, offers=(), campaigns=(), experiments=(), **fields):
    """Return a release with a catalogue, two channels and three placements around these offers."""
    offers = offers or (offer("winter-sale", eligibility=GOLD),)
    campaigns = campaigns or (campaign("winter", *(one.key for one in offers)),)
    by_key = lambda one: one.key  # noqa: E731
    return ReleaseSpec(
        attributes=tuple(
            sorted(
                (
                    AttributeSpec(
                        key="loyalty_tier", name="Loyalty tier", type="text", purposes=ADS
                    ),
                    AttributeSpec(key="age", name="Age", type="number", purposes=SHOP),
                    AttributeSpec(key="device_class", name="Device", type="text", source="context"),
                    AttributeSpec(
                        key="scroll_depth_percent", name="Depth", type="number", source="context"
                    ),
                ),
                key=by_key,
            )
        ),
        event_types=(
            EventTypeSpec(
                key="Order Completed",
                name="Order completed",
                properties=(PropertySpec(key="total", type="number"),),
                purposes=ADS,
            ),
        ),
        channels=(ChannelSpec(key="email", name="E-mail"), ChannelSpec(key="web", name="Web")),
        placements=(
            PlacementSpec(
                key="email.top", name="Top", channel="email", fallback={"title": "plain mail"}
            ),
            PlacementSpec(
                key="web.home.hero", name="Hero", channel="web", fallback={"title": "welcome"}
            ),
            PlacementSpec(
                key="web.home.rail",
                name="Rail",
                channel="web",
                max_count=3,
                fallback={"title": "shop"},
            ),
        ),
        segments=(SegmentSpec(key="gold", name="Gold members", condition=GOLD),),
        offers=tuple(sorted(offers, key=by_key)),
        campaigns=tuple(sorted(campaigns, key=by_key)),
        experiments=tuple(sorted(experiments, key=by_key)),
        **fields,
    )


def split(campaign_key, **fields):
    """Return an even experiment with arms a and b."""
    fields.setdefault("arms", (ArmSpec(key="a", share=0.5), ArmSpec(key="b", share=0.5)))
    return ExperimentSpec(
        key="split", name="Split", campaign=campaign_key, salt="split-1", **fields
    )


PURPOSES = (
    PurposeSpec(key="personalised_ads", name="Personalised advertising", gpc=True),
    PurposeSpec(key="service", name="Service", basis="legitimate_interest"),
)


def publish(redis, spec=None, *, version=1, now=NOW):
    spec = spec or release()
    own = digest(spec)
    publish_release(redis, spec, compile_release(spec), version, approved_digest=own, now=now)
    return own


def publish_policy(redis, *, version=1, purposes=PURPOSES):
    policy = seal_policy(purposes, version=version)
    put_policy(redis, policy)
    return policy


def person_of(user_id):
    return people.person_id(people.Identifier("user", user_id), pepper=settings.RTTS_PEPPER)


def consent(redis, user_id, *, version=1, status=Status.GIVEN, purpose="personalised_ads"):
    states = {(purpose, "*"): State(status, 1.0, None, "evt-1")}
    state.write_state_if_newer(redis, person_of(user_id), version, state.pack_states(states))


def trust(redis):
    state.trust(redis, server_run_id(redis), range(people.PARTITIONS), watermark_ms=0)


def track(user_id, event, *, message_id, at_ms=NOW_MS, **fields):
    return Record(
        message_id=message_id,
        person=person_of(user_id),
        identifiers=(f"user:{user_id}",),
        event=event,
        event_time_ms=at_ms,
        received_at_ms=at_ms,
        **fields,
    )


def remember(redis, user_id, spec, *, attributes=None, events=()):
    """Store the profile that these attributes and events fold to."""
    aggregates = Aggregates.of(compile_release(spec).aggregates)
    records = [
        Record(
            message_id="identify",
            person=person_of(user_id),
            identifiers=(f"user:{user_id}",),
            type="identify",
            attributes=attributes or {},
            event_time_ms=NOW_MS - 60_000,
            received_at_ms=NOW_MS - 60_000,
        ),
        *events,
    ]
    profile = replace_position(fold(None, records, aggregates), "1-0")
    redis.set(people.profile_key(person_of(user_id)), encode_profile(profile))
    return profile


def replace_position(profile, position):
    return msgspec.structs.replace(profile, position=position)


def make_key(redis, *scopes, kind="secret", **fields):
    secret = api_keys.new_secret(kind)
    record = api_keys.KeyRecord(
        id=f"key-{secret[-6:]}",
        name="test",
        kind=kind,
        scopes=frozenset(scopes or ("decisions",)),
        **fields,
    )
    digest_of = api_keys.digest_of(secret)
    redis.hset(api_keys.KEYS, digest_of, msgspec.msgpack.encode(record))
    redis.hset(api_keys.KEYS_BY_ID, record.id, digest_of)
    return secret


class Reply:
    def __init__(self):
        self.status = 0
        self.headers = {}
        self.content = b""

    @property
    def json(self):
        return json.loads(self.content)


async def call(method, path, body=None, *, key="", headers=None, raw=None, more=()):
    """Send one request to the fast paths in this process; `more` holds headers that it may repeat."""
    content = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
    sent = {"content-type": "application/json", **(headers or {})}
    if key:
        sent["authorization"] = f"Bearer {key}"
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in (*sent.items(), *more)
        ],
    }
    reply = Reply()

    async def receive():
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            reply.content += message.get("body", b"")

    reply.answered = await app(scope, receive, send)
    return reply


def run(coroutine):
    """Run requests from a test that uses the database, which a coroutine would not share."""

    async def whole():
        try:
            return await coroutine
        finally:
            await this_process().close_connections()

    return asyncio.run(whole())


async def decide(key, user_id="ana", *placements, **body):
    asked = placements or ("web.home.hero",)
    return await call(
        "POST",
        "/v1/decisions",
        {
            "person": {"user_id": user_id},
            "placements": [
                {"key": one} if isinstance(one, str) else {"key": one[0], "count": one[1]}
                for one in asked
            ],
            **body,
        },
        key=key,
    )


def changed(spec, **fields):
    return replace(spec, **fields)
