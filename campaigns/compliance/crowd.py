"""The only place that counts everybody together for a report: with noise, against a budget that runs out.

Whoever asks sees counts after noise was added to each cell, totals included, so that no answer, nor the difference of
two, tells about one person. Each answer costs a part of the month's budget; once it is spent nothing more is answered
until the next. The same question within a day gets the same answer and costs nothing.

Source: Dwork and Roth, "The Algorithmic Foundations of Differential Privacy", sections 3.3 and 3.5 (basic composition).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import log
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from campaigns.candidates import candidate_of
from campaigns.models import CrowdReport
from consent.policy import EVERY_CHANNEL, Status
from decisioning.specs import CampaignSpec

EPSILON: Final = 0.2  # what one report costs
LEAST: Final = 10  # people; a smaller cell is not told apart from an empty one
REPEATED: Final = timedelta(days=1)
SURE: Final = 0.95
BUDGET_LOCK: Final = 7_301  # of PostgreSQL's advisory locks

Counts = dict[str, int]
Noise = Callable[[Sequence[int]], list[int]]


class BudgetSpent(Exception):
    """The month's budget does not cover another report; the message says when it does again."""


class NoSuchQuestion(LookupError):
    """There is no such question."""


@dataclass(frozen=True, slots=True)
class Question:
    """What may be asked. `cells` are fixed beforehand, and each person counts in one of them at most."""

    key: str
    label: str
    cells: Mapping[str, str]  # key -> label, in order
    count: Callable[[], Counts]


@dataclass(frozen=True, slots=True)
class Cell:
    """One published number; None is fewer than LEAST."""

    label: str
    people: int | None
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A report as it may be shown to anybody who may ask."""

    question: Question
    cells: Sequence[Cell]
    asked_at: datetime


def questions() -> dict[str, Question]:
    """Return what may be asked under the live release, by key."""
    spec = candidate_of(None).spec
    found = [_standings(one.key, one.name) for one in candidate_of(None).policy.purposes]
    offers = {one.key: one.name for one in spec.offers}
    found += [_first_offers(one, offers) for one in spec.campaigns]
    return {one.key: one for one in found}


def left(*, now: datetime) -> float:
    """Return what is left of the month's budget, in epsilon."""
    spent = CrowdReport.objects.filter(month=_month(now)).aggregate(all=Sum("spent"))["all"]
    budget: float = settings.RTTS_REPORT_BUDGET
    return max(0.0, budget - (spent or 0.0))


def ask(key: str, *, by: User, now: datetime) -> Answer:
    """Return the answer to a question, paid from the month's budget; one scan of what it counts.

    Raises:
        NoSuchQuestion, BudgetSpent
    """
    question = questions().get(key)
    if question is None:
        raise NoSuchQuestion(_("There is no such question under the live release."))
    report = _asked_before(question, now=now) or _asked_anew(question, by=by, now=now)
    return _answer(question, report)


def _asked_anew(question: Question, *, by: User, now: datetime) -> CrowdReport:
    add_noise = noise(
        EPSILON
    )  # seconds where it is the process's first: nobody waits behind the lock meanwhile
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [BUDGET_LOCK])
        known = _asked_before(question, now=now)
        return known or _paid(question, add_noise, by=by, now=now)


def _asked_before(question: Question, *, now: datetime) -> CrowdReport | None:
    same = CrowdReport.objects.filter(question=question.key, asked_at__gt=now - REPEATED)
    found = same.order_by("-asked_at").first()
    return found if found is not None and set(found.counts) == set(question.cells) else None


def _paid(question: Question, add_noise: Noise, *, by: User, now: datetime) -> CrowdReport:
    if left(now=now) < EPSILON - 1e-9:
        raise BudgetSpent(
            _("This month's budget for reports is spent. Ask again from {day} on.").format(
                day=_next_month(now).isoformat()
            )
        )
    counted = question.count()
    exact = [counted.get(cell, 0) for cell in question.cells]
    published = dict(zip(question.cells, add_noise(exact), strict=True))
    return CrowdReport.objects.create(
        question=question.key,
        month=_month(now),
        spent=EPSILON,
        counts=published,
        asked_by=by,
        asked_at=now,
    )


def noise(epsilon: float) -> Noise:
    """Return what adds discrete Laplace noise for `epsilon` to counts of which each person is in one at most.

    Imports OpenDP when first called, which takes about two seconds: never within a transaction.
    """
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    laplace = dp.m.make_laplace(*space, scale=1 / epsilon)
    return lambda counts: list(laplace(list(counts)))


def _answer(question: Question, report: CrowdReport) -> Answer:
    margin = round(log(1 / (1 - SURE)) / report.spent)
    cells = []
    for key, label in question.cells.items():
        count = report.counts[key]
        people = count if count >= LEAST else None
        cells.append(Cell(label, people, max(0, count - margin), max(LEAST - 1, count + margin)))
    return Answer(question, cells, report.asked_at)


def _month(now: datetime) -> date:
    return now.date().replace(day=1)


def _next_month(now: datetime) -> date:
    return (_month(now) + timedelta(days=32)).replace(day=1)


def _standings(purpose: str, name: str) -> Question:
    return Question(
        f"standings:{purpose}",
        _("Where people stand on “{purpose}”").format(purpose=name),
        {str(one): _(str(one)) for one in Status},
        lambda: _count(
            "select status, count(*) from consent_consentstate s join consent_person p on p.id = s.person"
            " where s.purpose = %s and s.channel = %s and p.merged_into = '' group by 1",
            [purpose, EVERY_CHANNEL],
        ),
    )


def _first_offers(campaign: CampaignSpec, names: Mapping[str, str]) -> Question:
    """Ask what people were shown: each counts for the first offer of the campaign that they saw in the span."""
    return Question(
        f"first-offers:{campaign.key}",
        _("The first offer of “{campaign}” that people saw in 30 days").format(
            campaign=campaign.name
        ),
        {one: names.get(one, one) for one in campaign.offers},
        lambda: _count(
            "select offer, count(*) from (select distinct on (person_id) offer from decisioning_shown"
            " where campaign = %s and status = 'offers' and decided_at > now() - interval '30 days'"
            " order by person_id, decided_at) first group by 1",
            [campaign.key],
        ),
    )


def _count(query: str, arguments: Sequence[str]) -> Counts:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return dict(cursor.fetchall())
