"""What is done to records on the way in, step by step; pure."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.enrichment import agents
from decisioning.enrichment.belonging import asking, note_belonging
from decisioning.enrichment.fences import Fence, distance_m
from decisioning.enrichment.placing import cell_of
from decisioning.enrichment.privacy import network_of
from decisioning.enrichment.steps import STEPS, Known, Preparing, in_order
from decisioning.enrichment.surroundings import NOTHING, of_browser
from decisioning.enrichment.terms import Provider, Terms, TermsRefused, packed, read_terms
from decisioning.ingestion.records import Record, encode_record
from decisioning.profiles.profile import Profile
from decisioning.rules.moment import MOMENT, read_moment
from decisioning.specs import AttributeSpec
from tests.decisioning.ingestion.people_and_records import NOW_MS, person

CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/106.0.5249.61 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1"
)
STORE = Fence(key="store", name="Store", centre=(52.52, 13.405), radius_m=200)
TOWN = Fence(
    key="town", name="Town", shape="polygon", corners=((52.3, 13.0), (52.3, 13.8), (52.7, 13.4))
)
FENCED = {"geofences": AttributeSpec(key="geofences", name="", type="list", purposes=("visits",))}


@pytest.fixture(scope="module", autouse=True)
def patterns():
    agents.load()


def record(**fields):
    fields.setdefault("event_time_ms", NOW_MS)
    return Record(
        message_id="m1", person=person("user:ana"), received_at_ms=NOW_MS, event="Viewed", **fields
    )


def prepared(around=NOTHING, *, known=None, **fields):
    return Preparing.by(known or Known())(record(**fields), around)


@pytest.mark.parametrize(
    ("text", "device", "system", "browser"),
    [
        (CHROME, "desktop", "Mac OS X 10", "Chrome 106"),
        (IPHONE, "mobile", "iOS 16", "Mobile Safari 16"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", "bot", None, "Googlebot 2"),
    ],
)
def test_device_comes_from_the_user_agent_which_is_then_reduced(text, device, system, browser):
    context = prepared(context={"userAgent": text}).context

    assert context["device_class"] == device
    assert context.get("os_name") == system
    assert context["browser"] == browser
    assert context["userAgent"] == "; ".join(filter(None, (browser, system)))


def test_hints_of_the_browser_count_before_its_user_agent():
    hints = {
        "user-agent": CHROME,
        "sec-ch-ua-mobile": "?1",
        "sec-ch-ua-platform": '"Android"',
        "sec-ch-ua": '"Not_A Brand";v="8", "Chromium";v="131", "Google Chrome";v="131"',
    }

    context = prepared(of_browser(hints)).context

    assert (context["device_class"], context["os_name"]) == ("mobile", "Android")
    assert context["browser"] == "Google Chrome 131"
    assert "userAgent" not in context


def test_region_comes_from_the_edge_or_from_the_address_and_the_address_is_cut():
    known = Known(region=lambda address: ("DE", "BE"))

    by_edge = prepared(of_browser({"cf-ipcountry": "at"}), context={"ip": "203.0.113.77"})
    by_table = prepared(known=known, context={"ip": "203.0.113.77"})

    assert by_edge.context == {"country": "AT", "ip": "203.0.113.0"}
    assert by_table.context == {"country": "DE", "region": "BE", "ip": "203.0.113.0"}
    assert prepared(of_browser({"cf-ipcountry": "XX"})).context == {}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("nowhere", ""),
        ("", ""),
    ],
)
def test_addresses_keep_their_network_alone(address, network):
    assert network_of(address) == network


@given(st.ip_addresses(v=4))
def test_no_whole_address_is_left_wherever_it_stands(address):
    found = prepared(
        context={"ip": str(address)}, properties={"ip": str(address)}, traits={"$ip": str(address)}
    )

    for said in (found.context, found.properties, found.traits):
        assert all(value.endswith(".0") for value in said.values())


def test_campaign_and_referring_site_come_from_the_page():
    page = {
        "url": "https://shop.example/p?utm_source=news&utm_campaign=winter&x=1",
        "referrer": "https://www.search.example/?q=secret",
    }

    context = prepared(context={"page": page}).context

    assert context["campaign"] == {"source": "news", "name": "winter"}
    assert context["referring_site"] == "www.search.example"


def test_products_are_completed_and_what_the_event_says_stands():
    known = Known(products={"p1": {"category": "Hats", "price": 12.0}})

    found = prepared(known=known, properties={"product_id": "p1", "price": 9})

    assert found.properties == {"product_id": "p1", "price": 9, "category": "Hats"}


def test_local_time_is_the_persons():
    winter = 1_768_518_000_000  # Thursday 2026-01-15T23:00Z

    context = prepared(context={"timezone": "Asia/Tokyo"}, event_time_ms=winter).context

    assert (context["local_hour"], context["weekday"], context["daypart"]) == (
        8,
        "friday",
        "morning",
    )
    assert "weekday" not in prepared(context={"timezone": "../etc/passwd"}).context


def test_geofences_are_named_and_the_point_is_gone():
    known = Known(terms=Terms(fences=(STORE, TOWN)), attributes=FENCED)
    location = {"latitude": 52.5201, "longitude": 13.4051, "city": "Berlin"}

    found = prepared(known=known, context={"location": location})

    assert found.attributes == {"geofences": ["store", "town"]}
    assert found.context == {"geofences": ["store", "town"], "location": {"city": "Berlin"}}
    assert b"52.52" not in encode_record(found)


def test_geofences_need_a_purpose_of_their_own():
    purposeless = {"geofences": AttributeSpec(key="geofences", name="", type="list")}
    known = Known(terms=Terms(fences=(STORE,)), attributes=purposeless)
    location = {"latitude": 52.52, "longitude": 13.405}

    found = prepared(known=known, context={"location": location})

    assert (found.attributes, found.context) == ({}, {"location": {}})


@given(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01))
def test_a_circle_holds_what_is_near(lat, lon):
    point = (52.52 + lat, 13.405 + lon)

    assert STORE.holds(point) == (distance_m(STORE.centre, point) <= 200)


def test_what_a_provider_said_is_used_until_it_is_stale():
    cell = cell_of((52.52, 13.405))
    terms = Terms(providers=(Provider(key="weather", address="https://w.example/", fields={}),))
    location = {"latitude": 52.52, "longitude": 13.405}
    fresh = Known(terms=terms, provided={"weather": {cell: ({"condition": "rain"}, NOW_MS + 1)}})
    stale = Known(terms=terms, provided={"weather": {cell: ({"condition": "rain"}, NOW_MS)}})

    assert prepared(known=fresh, context={"location": location}).context == {
        "weather_condition": "rain",
        "location": {},
    }
    assert prepared(known=stale, context={"location": location}).context == {"location": {}}


def test_a_moment_is_told_in_the_same_words_as_an_event():
    hints = {"user-agent": IPHONE, "accept-language": "de-AT,de;q=0.9", "save-data": "on"}
    context = {
        "timezone": "Asia/Tokyo",
        "page": {"url": "https://shop.example/?utm_campaign=spring", "referrer": ""},
    }
    winter = 1_768_518_000_000  # Thursday 2026-01-15T23:00Z

    told = Preparing.by(Known()).moment(context, of_browser(hints), now_ms=winter)

    read = {key: read_moment(told, key) for key in MOMENT}
    assert {key: value for key, value in read.items() if value is not None} == {
        "device_class": "mobile",
        "os": "iOS",
        "browser": "Mobile Safari",
        "language": "de",
        "local_hour": 8,
        "weekday": "friday",
        "daypart": "morning",
        "save_data": True,
        "utm_campaign": "spring",
    }
    assert context.keys() == {"timezone", "page"}  # the request's own stays as it was


def test_segments_are_written_down_for_events_that_are_asked_about():
    late = record(context={}, event_time_ms=NOW_MS - 600_000)
    claimed = prepared(context={"segments": ["vip"], "cluster": "c9"})
    profile = Profile(member_of={"loyal": NOW_MS - 5, "new": NOW_MS + 5, "trigger:t": -NOW_MS})

    asked = asking([claimed, late], {"Viewed": frozenset()})
    for one in asked:
        note_belonging(one, profile, {"loyal", "new", "trigger:t"})

    assert asked == [claimed]
    assert claimed.context == {"segments": ["loyal"]}
    assert asking([claimed], {}) == []


def test_attributes_without_a_purpose_are_dropped_or_hashed():
    attributes = {
        "plan": AttributeSpec(key="plan", name="", type="text", purposes=("ads",)),
        "income": AttributeSpec(key="income", name="", type="number"),
        "street": AttributeSpec(key="street", name="", type="text"),
    }
    known = Known(terms=Terms(hashed=("street",)), attributes=attributes, salt=b"salt")
    told = {"plan": "pro", "income": 5.0, "street": "Main Street 1"}

    found = prepared(known=known, type="identify", attributes=dict(told))

    assert found.attributes == {"plan": "pro"}
    assert set(found.traits) == {"street"}
    assert found.traits["street"].startswith("sha256:")


@pytest.mark.parametrize(("decided", "left"), [("keep", "43"), ("hash", "sha256:"), ("drop", "")])
def test_undeclared_traits_go_as_decided(decided, left):
    known = Known(terms=Terms(undeclared=decided), salt=b"salt")

    traits = prepared(known=known, type="identify", traits={"shoe": "43"}).traits

    assert traits.get("shoe", "").startswith(left)
    assert ("shoe" in traits) == (decided != "drop")


def test_steps_can_be_moved_and_turned_off_but_not_those_of_privacy():
    terms = Terms(order=("local_time", "device"), off=("campaign", "address", "agent"))

    keys = [step.key for step in in_order(terms)]

    assert keys[:2] == ["local_time", "device"]
    assert "campaign" not in keys
    assert keys[-4:] == ["place", "address", "agent", "purposes"]


# Everything that a record can say of where it comes from, and what may stand there.
NAMES = (
    *("ip", "ip_address", "ipAddress", "$ip", "locale", "timezone", "segments", "cluster", "name"),
    *("userAgent", "user_agent", "$user_agent", "$raw_user_agent", "userAgentData"),
    *("location", "latitude", "longitude", "lat", "lon", "lng", "$geoip_latitude", "accuracy"),
    *("page", "url", "referrer", "campaign", "product_id", "sku", "traits", "network", "device"),
)
VALUES = (
    *(52.52, None, "203.0.113.7", "Europe/Vienna", "de_AT", CHROME, "sku-1", [{"ip": "10.1.2.3"}]),
    *({"lat": 52.52, "lng": 13.405}, {"latitude": 52.52, "longitude": 13.405, "city": "Berlin"}),
    *("https://shop.example/?utm_source=mail", {"referrer": "https://news.example/"}),
    *({"url": "https://shop.example/?utm_source=mail"}, {"deep": {"userAgent": IPHONE}}),
)
EVERYTHING = Known(
    terms=Terms(fences=(STORE,), undeclared="hash"),
    attributes=FENCED,
    products={"sku-1": {"category": "garden"}},
    provided={"weather": {cell_of((52.52, 13.405)): ({"sky": "clear"}, NOW_MS + 1)}},
    region=lambda address: ("AT", "9"),
    places=frozenset({"location"}),
)


@pytest.mark.parametrize("headers", [{}, {"user-agent": IPHONE, "accept-language": "de"}])
@pytest.mark.parametrize("part", ["context", "properties", "traits"])
def test_a_step_that_a_record_does_not_concern_would_change_nothing(part, headers):
    around = of_browser(headers) if headers else NOTHING
    preparing = Preparing.by(EVERYTHING)
    for name, value in itertools.product(NAMES, VALUES):
        quick, whole = (record(**{"context": {}, part: {name: value}}) for _ in range(2))

        for step in preparing.steps:
            step.apply(whole, around, EVERYTHING)

        assert preparing(quick, around) == whole


def test_terms_come_back_as_they_were_and_wrong_ones_are_refused():
    terms = Terms(fences=(STORE, TOWN), event_days={"Viewed": 30}, off=("device",))

    assert read_terms(packed(terms)) == terms
    for wrong in (
        '{"fences": [{"key": "a", "name": "A"}]}',
        '{"event_days": {"Viewed": 0}}',
        '{"fences": [{"key": "a", "name": "A", "centre": [91, 0]}]}',
        "nonsense",
    ):
        with pytest.raises(TermsRefused):
            read_terms(wrong)


def test_all_steps_together_take_microseconds():
    location = {"latitude": 52.52, "longitude": 13.405}
    page = {"url": "https://shop.example/?utm_source=news", "referrer": "https://s.example/"}
    known = Known(terms=Terms(fences=(STORE, TOWN)), attributes=FENCED)
    around, steps = of_browser({"sec-ch-ua-mobile": "?0"}), Preparing.by(known)
    records = [
        record(
            context={
                "userAgent": CHROME,
                "ip": "203.0.113.7",
                "timezone": "Europe/Berlin",
                "page": page,
                "location": location,
            }
        )
        for _ in range(2_000)
    ]
    steps(record(context={"userAgent": CHROME}), around)

    began = time.process_time()
    for one in records:
        steps(one, around)

    each_us = (time.process_time() - began) / len(records) * 1e6
    print(f"{len(STEPS)} steps: {each_us:.1f} µs of one core for each record")
    assert each_us < 300
