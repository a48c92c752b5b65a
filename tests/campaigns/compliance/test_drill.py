"""Somebody made up agrees, opts out and is shown nothing more, over the whole running product."""

import json

RUN = """
import json
from django.utils import timezone
from campaigns.compliance.drill import run_drill
from rtts_site.foundation.redis_clients import redis_client
drill = run_drill(redis_client(), now=timezone.now)
print(json.dumps({"passed": drill.passed, "steps": drill.steps}))
"""
# As if what records an opt-out no longer reached what decides: the form is there and wired to nothing.
UNWIRED = (
    """
from campaigns.compliance import drill
real = drill._Drill.say
drill._Drill.say = lambda self, status: real(self, "given")
"""
    + RUN
)


def test_r35_opting_out_is_seen_through_end_to_end(stack):
    found = json.loads(stack.python(RUN).splitlines()[-1])

    assert found["passed"], found["steps"]
    assert [one["step"] for one in found["steps"]] == [
        "agree",
        "consent is honoured",
        "opt out",
        "nothing is shown for it",
        "the record says so",
    ]


def test_r35_an_opt_out_that_reaches_nothing_is_found(stack):
    found = json.loads(stack.python(UNWIRED).splitlines()[-1])

    assert not found["passed"]
    assert not found["steps"][-1]["ok"]


KEYS = """
from rtts_site.foundation.models import ApiKey
print(ApiKey.objects.filter(name="Opt-out drill", revoked_at=None).count())
"""


def test_r35_the_drill_leaves_no_key_behind(stack):
    assert stack.python(KEYS).splitlines()[-1] == "0"
