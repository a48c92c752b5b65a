"""What hours, quiet hours and people's clocks do to a decision."""

from dataclasses import replace

from decisioning.specs import AttributeSpec, ChannelSpec, HoursSpec
from tests.decisioning import making
from tests.decisioning.making import campaign, decide, offer

NIGHT = HoursSpec(starts="21:00", ends="08:00")
WORK = HoursSpec(starts="09:00", ends="17:00")
AFTERNOON, LATE = "2026-12-01T14:00:00Z", "2026-12-01T22:00:00Z"
ZONE = AttributeSpec(key="time_zone", name="Time zone", type="text", source="context")


def scheduled(*, channels=None, **fields):
    """Return a release with one offer for everyone in a campaign with these fields, and a context zone."""
    sale = offer("sale", purposes=(), eligibility={})
    spec = making.release(offers=(sale,), campaigns=(campaign("winter", "sale", **fields),))
    attributes = tuple(sorted((*spec.attributes, ZONE), key=lambda one: one.key))
    return replace(spec, attributes=attributes, channels=channels or spec.channels)


def quiet_web(**fields):
    web = ChannelSpec(key="web", name="Web", quiet_hours=(NIGHT,))
    return scheduled(channels=(ChannelSpec(key="email", name="E-mail"), web), **fields)


async def answered(key, at, **more):
    reply = await decide(key, "ana", options={"now": at, "explain": "reasons"}, **more)
    assert reply.status == 200, reply.content
    (placement,) = reply.json["placements"]
    return placement, reply.json["explanation"]


async def test_a_campaign_runs_only_at_its_hours(store, key):
    making.publish(store, scheduled(hours=(WORK,)))

    at_work, _ = await answered(key, AFTERNOON)
    after, told = await answered(key, LATE)

    assert at_work["status"] == "offers"
    assert (after["status"], told[0]["code"]) == ("fallback", "NOT_RUNNING")


async def test_hours_are_read_on_the_clock_that_the_request_tells(store, key):
    making.publish(store, scheduled(hours=(WORK,), clock="person"))

    in_tokyo, _ = await answered(key, AFTERNOON, context={"time_zone": "Asia/Tokyo"})
    in_new_york, _ = await answered(key, AFTERNOON, context={"time_zone": "America/New_York"})
    nowhere, _ = await answered(key, AFTERNOON, context={"time_zone": "Mars/Phobos"})

    assert in_tokyo["status"] == "fallback"
    assert in_new_york["status"] == "offers"
    assert nowhere["status"] == "offers"


async def test_a_quiet_channel_shows_nothing_at_all(store, key):
    making.publish(store, quiet_web())

    placement, told = await answered(key, LATE)

    assert placement["status"] == "suppressed"
    assert placement["reason"] == "QUIET_HOURS"
    assert [one["code"] for one in told] == ["QUIET_HOURS"]


async def test_quiet_hours_are_those_of_the_person_where_they_are_known(store, key):
    making.publish(store, quiet_web())

    placement, _ = await answered(key, LATE, context={"time_zone": "America/New_York"})

    assert placement["status"] == "offers"


async def test_what_people_wait_for_comes_in_quiet_hours_too(store, key):
    making.publish(store, quiet_web(in_quiet_hours=True))

    placement, _ = await answered(key, LATE)

    assert placement["status"] == "offers"


async def test_a_zone_in_the_profile_is_read_only_for_the_purposes_it_may_serve(store, key):
    zone = replace(ZONE, source="profile", purposes=making.SHOP)
    spec = scheduled(hours=(WORK,), clock="person")
    shown_for_ads = replace(spec.offers[0], purposes=making.ADS)
    attributes = tuple(zone if one.key == "time_zone" else one for one in spec.attributes)
    spec = replace(spec, attributes=attributes, offers=(shown_for_ads,))
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"time_zone": "Asia/Tokyo"})

    placement, _ = await answered(key, AFTERNOON)

    assert placement["status"] == "offers"
