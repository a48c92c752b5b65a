"""With requests failing at random every event arrives once, counted by the numbers that each view gives its events."""

import json
import random

import pytest

from tests.browser.strangers import stranger

FAILING = 0.05
LEAST = 0.9999
SHORT, LONG = 2_000, 20_000
PER_VIEW = 250
SEND = """async ([count, view]) => {
  window.ended = false;
  for (let n = 0; n < count; n++) {
    rtts.track("Numbered", { n, view });
    if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 4));
  }
  window.ended = true;
}"""
ARRIVED = """
import json
from decisioning.ingestion.records import decode_record
from decisioning.models import EventRecord
from consent.people import Identifier, person_id
from django.conf import settings
person = person_id(Identifier("anonymous", {anonymous!r}), pepper=settings.RTTS_PEPPER)
found = []
for row in EventRecord.objects.filter(person_id=person):
    view = decode_record(bytes(row.body)).context["view"]
    found.append([view["id"], view["sequence"]])
print(json.dumps(found))
"""


class Weather:
    """Fails requests: some never leave, some are answered 503, of some the answer is lost on its way back."""

    def __init__(self, seed):
        self.chance = random.Random(seed)  # noqa: S311 - a test repeats itself
        self.requests = self.failed = 0

    def blow(self, route):
        self.requests += 1
        if self.chance.random() >= FAILING:
            return route.continue_()
        self.failed += 1
        kind = self.chance.randrange(3)
        if kind == 0:
            return route.abort("connectionreset")
        if kind == 1:
            return route.fulfill(status=503, body="{}")
        route.fetch()
        return route.abort("connectionreset")


def deliver(chromium, stack, total):
    """Return how many events were numbered, and which arrived, as (view, number)."""
    weather = Weather(20_261_122)
    with stranger(chromium, stack) as visitor:
        visitor.open("/shop/bakery/")
        visitor.says("Accept")
        visitor.context.route("**/v1/batch", weather.blow)
        numbered = {}
        for view in range(total // PER_VIEW):
            visitor.page.evaluate(
                "window.told = {}; rtts.on('event', ({ detail }) => (told[detail.context.view.id] = detail.context.view.sequence))"
            )
            visitor.page.evaluate(SEND, [PER_VIEW, view])
            numbered |= visitor.page.evaluate("told")
            # Away in the middle of it all; what is under way is left to the next page.
            visitor.open("/shop/" if view % 2 else "/shop/bakery/")
        visitor.until("!Object.keys(localStorage).some((name) => name.startsWith('rtts.page.'))")
        anonymous = visitor.anonymous_id
        visitor.page.wait_for_timeout(2_000)  # workers archive
        arrived = json.loads(stack.python(ARRIVED.format(anonymous=anonymous)).splitlines()[-1])
    return numbered, [tuple(one) for one in arrived], weather


def check(chromium, stack, capsys, total):
    numbered, arrived, weather = deliver(chromium, stack, total)
    expected = {(view, number) for view, last in numbered.items() for number in range(1, last + 1)}
    share = len(expected & set(arrived)) / len(expected)
    with capsys.disabled():
        print(
            f"\n{len(expected):,} events in {weather.requests:,} requests, {weather.failed} of them failed "
            f"({weather.failed / weather.requests:.1%}): {share:.4%} arrived, {len(arrived) - len(set(arrived))} twice"
        )
    assert weather.failed
    assert len(expected) >= total
    assert share >= LEAST
    assert len(arrived) == len(set(arrived))


@pytest.mark.browser
def test_events_arrive_although_requests_fail(chromium, stack, capsys):
    check(chromium, stack, capsys, SHORT)


@pytest.mark.long
@pytest.mark.browser
def test_twenty_thousand_events_arrive_although_requests_fail(chromium, stack, capsys):
    check(chromium, stack, capsys, LONG)
