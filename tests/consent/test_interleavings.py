"""One reader and one withdrawal, stopped at the stores' doors, in every order they can meet."""

from datetime import timedelta
from itertools import combinations

import pytest

from consent import ledger, people, projection, relay, state
from consent.ids import uuid7
from consent.policy import permits
from consent.recording import read_standing
from tests.consent.builders import (
    ADS,
    EVIDENCE,
    NOW,
    POLICY,
    SUBJECT,
    given,
    make_person,
    withdrawn,
)
from tests.consent.test_state import stands

LATER = NOW + timedelta(minutes=2)
LATER_MS = int(LATER.timestamp() * 1000)


class Withdrawal:
    """The steps of `ledger.record_change`, one at a time."""

    def __init__(self, client, person):
        self.client, self.person = client, person
        self.token = f"{state.CHANGE}{uuid7(LATER)}"
        said = ledger._Said([withdrawn()], EVIDENCE, SUBJECT, "", person)
        standing = read_standing(person, key="", now=LATER)
        self.steps = [
            lambda: state.add_fence(client, person, self.token, now_ms=LATER_MS),
            lambda: ledger._commit(standing, self.token, said, now=LATER),
            lambda: projection.put_in_force(client, person, tokens=[self.token]),
        ]


class Decision:
    """A read, its commands one at a time, the gate, and the last step."""

    def __init__(self, client, person):
        self.client, self.person = client, person
        self.replies = []
        self.allowed = False
        commands = state.read_commands(person)
        self.steps = [*(lambda c=c: self.read(c) for c in commands[1:]), self.decide]
        self.run_id = state.run_id_of(client.info("server"))
        self.replies = [client.execute_command(*commands[0])]

    def read(self, command):
        self.replies.append(self.client.execute_command(*command))

    def decide(self):
        view = state.parse_view(self.run_id, self.replies)
        gate = permits(POLICY, view, [ADS], channel="web", now=LATER)
        self.allowed = gate.allowed and stands(self.client, self.person, view.version, view.run_id)


def orders(writer, reader):
    """Yield every merge of two sequences of steps, as a string such as ``wwrwrr``."""
    total = writer + reader
    for places in combinations(range(total), writer):
        yield "".join("w" if place in places else "r" for place in range(total))


@pytest.fixture
def ana(trusted):
    person = make_person()
    ledger.record_change(person, [given()], evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    return person


@pytest.mark.parametrize("order", list(orders(3, 3)))
def test_case_02_no_decision_that_starts_after_the_answer_uses_the_consent(trusted, ana, order):
    withdrawal, decision = Withdrawal(trusted, ana), Decision(trusted, ana)
    steps = {"w": iter(withdrawal.steps), "r": iter(decision.steps)}

    for one in order:
        next(steps[one])()

    later = Decision(trusted, ana)
    for step in later.steps:
        step()
    assert not later.allowed
    started_after_the_answer = "r" not in order[: order.rindex("w")]
    ended_before_the_fence = "w" not in order[: order.rindex("r")]
    assert decision.allowed is ended_before_the_fence
    assert not (decision.allowed and started_after_the_answer)


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_writer_that_dies_is_finished_by_the_relay(trusted, ana, done):
    withdrawal = Withdrawal(trusted, ana)
    for step in withdrawal.steps[:done]:
        step()

    meanwhile = Decision(trusted, ana)
    for step in meanwhile.steps:
        step()
    relay.settle(trusted, now=LATER + timedelta(seconds=6))
    after = Decision(trusted, ana)
    for step in after.steps:
        step()

    assert meanwhile.allowed is (done == 0)
    assert after.allowed is (done < 2)  # committed is in force; not committed never happened
    assert not trusted.exists(people.fence_key(ana))
