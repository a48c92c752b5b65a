"""The OpenFeature provider for remote evaluation, unmodified, against the running product."""

import time

import pytest
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

VERSION = int(time.time())
SET_UP = f"""
from rtts_site.foundation.redis_clients import redis_client
from tests.decisioning import making
redis = redis_client()
making.trust(redis)
making.publish_policy(redis)
spec = making.release()
making.publish(redis, spec, version={VERSION})
making.consent(redis, "ofrep-ana")
making.remember(redis, "ofrep-ana", spec, attributes={{"loyalty_tier": "gold"}})
"""


@pytest.fixture(scope="module")
def client(bare_stack):
    bare_stack.python(SET_UP)
    key = bare_stack.key("decisions")
    provider = OFREPProvider(
        bare_stack.base_url, headers_factory=lambda: {"Authorization": f"Bearer {key}"}
    )
    api.set_provider(provider)
    client = api.get_client()
    end = time.monotonic() + 10
    while ask(client, "ofrep-ana").reason == Reason.ERROR:
        assert time.monotonic() < end
        time.sleep(0.1)
    return client


def ask(client, person, flag="web.home.hero"):
    return client.get_object_details(flag, {"title": "own"}, EvaluationContext(person))


def test_a_matching_person_gets_the_offer(client):
    details = ask(client, "ofrep-ana")

    assert details.value == {"title": "winter-sale"}
    assert details.variant == "winter-sale/a"
    assert details.reason in (Reason.TARGETING_MATCH, Reason.SPLIT)
    assert details.error_code is None


def test_anybody_else_gets_the_fallback(client):
    details = ask(client, "ofrep-ben")

    assert (details.value, details.reason) == ({"title": "welcome"}, Reason.DEFAULT)


def test_an_unknown_flag_gives_the_callers_default(client):
    details = ask(client, "ofrep-ana", "web.nowhere")

    assert details.value == {"title": "own"}
    assert details.error_code == ErrorCode.FLAG_NOT_FOUND


def test_a_flag_of_another_type_gives_the_callers_default(client):
    details = client.get_boolean_details("web.home.hero", False, EvaluationContext("ofrep-ana"))

    assert details.value is False
    assert details.error_code == ErrorCode.TYPE_MISMATCH
