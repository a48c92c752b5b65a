from datetime import UTC, datetime, timedelta

import pytest

from rtts_site.foundation.idempotency import (
    Answer,
    Repeatable,
    answer_once,
    forget_old_answers,
)
from rtts_site.foundation.models import IdempotentRequest
from rtts_site.foundation.problems import Problem

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
REQUEST = Repeatable("key-1", "abc", b"{}")


class Work:
    def __init__(self, status=201):
        self.times = 0
        self.status = status

    def __call__(self):
        self.times += 1
        return Answer(self.status, b"%d" % self.times)


def test_a_repeat_gets_the_first_answer():
    work = Work()

    first = answer_once(REQUEST, work, now=NOW)
    second = answer_once(REQUEST, work, now=NOW)

    assert first == (Answer(201, b"1"), False)
    assert second == (Answer(201, b"1"), True)


def test_another_caller_or_no_key_is_another_request():
    work = Work()
    for request in (REQUEST, Repeatable("key-2", "abc", b"{}"), Repeatable("key-1", "", b"{}")):
        answer_once(request, work, now=NOW)

    assert work.times == 3


def test_another_body_under_the_key_is_refused():
    answer_once(REQUEST, Work(), now=NOW)

    with pytest.raises(Problem) as refused:
        answer_once(Repeatable("key-1", "abc", b"[]"), Work(), now=NOW)

    assert refused.value.status == 409
    assert "another body" in refused.value.detail


def test_while_the_first_runs_the_repeat_is_told_to_wait():
    def meanwhile():
        with pytest.raises(Problem) as refused:
            answer_once(REQUEST, Work(), now=NOW)
        assert refused.value.status == 409
        return Answer(200, b"")

    assert answer_once(REQUEST, meanwhile, now=NOW)[0].status == 200


def test_a_passing_failure_is_not_kept():
    work = Work(503)

    for _ in range(2):
        answer_once(REQUEST, work, now=NOW)

    assert work.times == 2


def test_an_exception_frees_the_key():
    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        answer_once(REQUEST, fail, now=NOW)
    assert answer_once(REQUEST, Work(), now=NOW)[1] is False


def test_a_killed_request_may_run_again_after_a_minute():
    IdempotentRequest.objects.create(
        caller="key-1", key="abc", request_digest="x", started_at=NOW - timedelta(seconds=61)
    )

    assert answer_once(REQUEST, Work(), now=NOW)[0].body == b"1"


def test_answers_are_kept_for_a_day():
    answer_once(REQUEST, Work(), now=NOW)

    assert forget_old_answers(now=NOW + timedelta(hours=24)) == 0
    assert forget_old_answers(now=NOW + timedelta(hours=24, seconds=1)) == 1


@pytest.mark.parametrize("key", ["x" * 201, "a\nb"])
def test_an_unusable_key_is_refused(key):
    with pytest.raises(Problem, match="Idempotency-Key"):
        answer_once(Repeatable("key-1", key, b""), Work(), now=NOW)
