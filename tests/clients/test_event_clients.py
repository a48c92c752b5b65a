"""Public event clients, unmodified, against the running product."""

import os
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import posthog
import pytest
import redis
import requests
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment
import snowplow_tracker
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from consent.people import Identifier, person_id
from decisioning.profiles.store import load_profile
from tests.programs import npm

NODE = Path(__file__).parent / "node"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def product(bare_stack):
    return bare_stack


@pytest.fixture(scope="module")
def key(product):
    return product.key("events")


@pytest.fixture(scope="module")
def profile_of(product):
    """Return a function that waits until a user has so many identifiers, and returns their profile."""
    client = redis.Redis.from_url(product.redis_url)
    pepper = bytes.fromhex(
        product.python("from django.conf import settings; print(settings.RTTS_PEPPER.hex())")
    )

    def wait(user, *, until):
        person = person_id(Identifier("user", user), pepper=pepper)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            _, profile = load_profile(client, person)
            if profile is not None and until(profile):
                return profile
            time.sleep(0.05)
        raise AssertionError(f"{user}: {profile}")

    return wait


def is_joined(browser):
    return lambda profile: f"anonymous:{browser}" in profile.identifiers


@pytest.mark.parametrize("gzip", [False, True])
def test_segment_for_python(product, key, profile_of, gzip):
    errors = []
    user, browser = f"segment-{gzip}", f"segment-browser-{gzip}"
    client = segment.Client(
        key, host=product.base_url, gzip=gzip, on_error=lambda error, items: errors.append(error)
    )

    client.track(anonymous_id=browser, event="Product Viewed", properties={"price": 5})
    client.identify(user, {"plan": "pro"}, anonymous_id=browser)
    client.track(user, "Order Completed", {"value": 19.99})
    client.page(user, "Docs", "Home", {"url": "https://shop.example/"})
    client.screen(user, "Cart")
    client.group(user, "acme", {"name": "Acme"})
    client.alias("segment-old", user)
    client.flush()
    client.join()

    assert errors == []
    profile = profile_of(user, until=is_joined(browser))
    assert profile.page_ms > 0


def test_rudder_for_python(product, key, profile_of):
    errors = []
    client = rudder.Client(
        key, host=product.base_url, on_error=lambda error, items: errors.append(error)
    )

    client.track(anonymous_id="rudder-browser", event="Product Viewed", properties={"price": 5})
    client.identify("rudder-user", {"plan": "pro"}, anonymous_id="rudder-browser")
    client.track("rudder-user", "Order Completed", {"value": 19.99})
    client.flush()
    client.join()

    assert errors == []
    profile_of("rudder-user", until=is_joined("rudder-browser"))


@pytest.fixture(scope="module")
def send(product, key, node):
    """Return a function that sends with a library for Node."""
    if not (NODE / "node_modules/cloudevents").exists():
        npm("ci", directory=NODE)

    def run(script, *more):
        command = [node, script, product.base_url, key, *more]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "sent\n"), done.stderr

    return run


def test_segment_for_node(send, profile_of):
    send("segment.cjs")

    profile_of("node-user", until=is_joined("node-browser"))


def test_rudder_for_node(send, profile_of):
    send("rudder.cjs")

    profile = profile_of("rudder-node-user", until=is_joined("rudder-node-browser"))
    assert profile.page_ms > 0


def test_posthog_for_python(product, key, profile_of):
    errors = []
    client = posthog.Posthog(
        key,
        host=product.base_url,
        gzip=True,
        on_error=lambda error, items: errors.append(error),
    )

    client.capture("order completed", distinct_id="posthog-user", properties={"revenue": 20})
    client.set(distinct_id="posthog-user", properties={"plan": "pro"})
    client.alias("posthog-old", "posthog-user")
    client.group_identify("company", "acme", {"name": "Acme"})
    client.shutdown()

    assert errors == []
    profile_of("posthog-user", until=is_joined("posthog-old"))


def test_posthog_for_node(send, profile_of):
    send("posthog.cjs")

    profile_of("posthog-node-user", until=is_joined("posthog-node-browser"))


@pytest.mark.parametrize("method", ["get", "post"])
def test_snowplow_for_python(product, key, profile_of, method):
    failed = []
    address = urlsplit(product.base_url)
    emitter = snowplow_tracker.Emitter(
        str(address.hostname),
        protocol="http",
        port=address.port,
        method=method,
        batch_size=1,
        on_failure=lambda sent, unsent: failed.append(unsent),
    )
    user = f"snowplow-{method}"
    subject = snowplow_tracker.Subject().set_user_id(user)
    tracker = snowplow_tracker.Tracker("sp", emitter, subject=subject, app_id=key)

    tracker.track(snowplow_tracker.PageView("https://shop.example/p/1", "P1"))
    tracker.track(snowplow_tracker.StructuredEvent("shop", "add-to-basket", "sku1"))
    action = (
        "iglu:com.snowplowanalytics.snowplow.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2"
    )
    added = snowplow_tracker.SelfDescribingJson(action, {"type": "add_to_cart"})
    tracker.track(snowplow_tracker.SelfDescribing(added))
    tracker.flush()

    assert failed == []
    profile = profile_of(user, until=lambda profile: profile.page_ms > 0)
    assert key not in str(profile)


@pytest.mark.parametrize("encoding", ["plain", "base64"])
def test_snowplow_for_node(send, profile_of, encoding):
    send("snowplow.cjs", encoding)

    profile_of("snowplow-node-user", until=lambda profile: profile.page_ms > 0)


def test_cloudevents_for_node(send, profile_of):
    send("cloudevents.cjs")

    profile_of("cloud-node-user", until=lambda profile: profile.newest_ms > 0)


def cloud_event(event_id):
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": "https://shop.example/checkout",
        "type": "com.example.order.completed",
        "subject": "cloud-user",
    }
    return CloudEvent(attributes=attributes, data={"order_id": "o1", "revenue": 20})


def test_cloudevents_for_python(product, key, profile_of):
    formats = JSONFormat()
    for message in (
        to_structured_event(cloud_event(os.urandom(8).hex()), formats),
        to_binary_event(cloud_event(os.urandom(8).hex()), formats),
    ):
        headers = {**message.headers, "Authorization": f"Bearer {key}"}
        answer = requests.post(
            f"{product.base_url}/v1/events", data=message.body, headers=headers, timeout=10
        )
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"accepted": 1, "duplicates": 0, "refused": []}

    profile_of("cloud-user", until=lambda profile: profile.newest_ms > 0)
