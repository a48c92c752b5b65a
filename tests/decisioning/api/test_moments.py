"""What a request tells of its moment, and which segments an event keeps, end to end."""

from dataclasses import replace

from consent import people
from decisioning.enrichment import agents
from decisioning.ingestion.records import decode_record
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.specs import EventTypeSpec, SegmentSpec
from tests.decisioning import making
from tests.decisioning.making import call, campaign, offer

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1"
)
SHOP = "https://shop.example"
MONDAY = "2026-11-23T02:00:00Z"


def only_where(*conditions):
    sale = offer("sale", purposes=(), eligibility={"all": list(conditions)})
    return making.release(offers=(sale,), campaigns=(campaign("winter", "sale"),))


def is_(attribute, value):
    return {"attribute": attribute, "is": "eq", "value": value}


async def shown(key, *, headers=None, **body):
    asked = {
        "person": {"anonymous_id": "d" * 32},
        "placements": [{"key": "web.home.hero"}],
        **body,
    }
    reply = await call("POST", "/v1/decisions", asked, key=key, headers=headers)
    assert reply.status == 200, reply.content
    return reply.json["placements"][0]["status"]


async def test_a_browsers_request_tells_its_device_and_language(store):
    agents.load()
    making.publish(store, only_where(is_("device_class", "mobile"), is_("language", "de")))
    browser = making.make_key(
        store, "decisions", kind="browser", origins=(SHOP,), placements=("web.home.hero",)
    )
    phone = {"Origin": SHOP, "User-Agent": IPHONE, "Accept-Language": "de-DE,en;q=0.5"}

    assert await shown(browser, headers=phone) == "offers"
    assert await shown(browser, headers={**phone, "Accept-Language": "en"}) == "fallback"
    assert await shown(browser, headers=phone, context={"device_class": "tv"}) == "fallback"


async def test_a_servers_own_headers_say_nothing_of_the_person(store, key):
    agents.load()
    making.publish(store, only_where(is_("device_class", "mobile")))

    assert await shown(key, headers={"User-Agent": IPHONE}) == "fallback"
    assert await shown(key, context={"userAgent": IPHONE}) == "offers"


async def test_weekday_and_daypart_are_those_of_the_persons_clock(store, key):
    making.publish(store, only_where(is_("weekday", "sunday"), is_("daypart", "evening")))
    at = {"options": {"now": MONDAY}}

    assert await shown(key, context={"timezone": "America/New_York"}, **at) == "offers"
    assert await shown(key, context={"timezone": "Asia/Tokyo"}, **at) == "fallback"
    assert await shown(key, **at) == "fallback"


async def test_what_libraries_call_by_the_same_name_is_no_mistake(store, key):
    making.publish(store, only_where(is_("os", "iOS")))

    assert await shown(key, context={"os": {"name": "iOS"}, "browser": 5}) == "fallback"


async def test_an_event_keeps_the_segments_of_its_moment_where_a_condition_asks(store):
    asked = {
        "event": "Order Completed",
        "count": {"is": "gte", "value": 1},
        "within": "30d",
        "where": {"attribute": "context.segments", "is": "contains_any", "value": ["loyal"]},
    }
    spec = only_where(asked)
    loyal = SegmentSpec(key="loyal", name="Loyal", condition={})
    viewed = EventTypeSpec(key="Viewed", name="Viewed")
    kinds = tuple(sorted((*spec.event_types, viewed), key=lambda one: one.key))
    making.publish(store, replace(spec, segments=(*spec.segments, loyal), event_types=kinds))
    sender = making.make_key(store, "events")
    ana = making.person_of("ana")
    store.set(people.profile_key(ana), encode_profile(Profile(member_of={"loyal": 1_000})))

    for name in ("Order Completed", "Viewed"):
        body = {"userId": "ana", "event": name, "messageId": name}
        assert (await call("POST", "/v1/track", body, key=sender)).status == 200

    rows = store.xrange(people.stream_key(people.partition_of(ana)))
    kept = {one.event: one.context for one in (decode_record(row[b"r"]) for _, row in rows)}
    assert kept == {"Order Completed": {"segments": ["loyal"]}, "Viewed": {}}
