"""The only place that says what an analysis looks at: one thing at a time, or all of a release; pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from campaigns.analysis import conditions, contents, experiments, schedules, triggers, uses
from campaigns.analysis.findings import Oddity, marked
from campaigns.analysis.layout import Layout
from campaigns.analysis.tact import unsayable

NEVER = frozenset({"never", "never_beside", "never_in_campaign", "unseen_never"})
ECHOES = frozenset({"segment_empty", "offer_for_nobody", "arm_for_nobody"})
Report = Callable[[int, int], None]  # done, of so many


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an analysis has to know beside the release."""

    now: datetime
    hosts: frozenset[str] = frozenset()  # that links may lead to; none: any
    languages: frozenset[str] = frozenset()


def of_thing(layout: Layout, kind: str, key: str, around: Surroundings) -> list[Oddity]:
    """Return what is odd about one thing by itself, without a look at people; nothing for most kinds.

    Milliseconds, whatever else the release holds, but for what compares it with its campaigns.
    """
    found: Iterable[Oddity] = ()
    if kind == "segment":
        spec = layout.catalogue.segments.get(key)
        found = conditions.of_segment(spec, layout.catalogue, now=around.now) if spec else ()
    elif kind == "offer" and key in layout.offers:
        found = _of_offer(layout, key, around)
    elif kind == "campaign":
        found = _of_campaign(layout, key, around)
    elif kind == "experiment":
        mine = layout.thing(kind, key)
        found = experiments.of_experiment(mine, layout, now=around.now) if mine else ()
    elif kind == "trigger":
        one = layout.thing(kind, key)
        found = triggers.of_trigger(one, layout, now=around.now) if one else ()
    return list(signed(layout, found))


def _of_offer(layout: Layout, key: str, around: Surroundings) -> Iterator[Oddity]:
    offer, now = layout.offers[key], around.now
    campaigns = layout.campaigns_of(key)
    yield from conditions.of_offer(offer, campaigns, layout.catalogue, now=now)
    yield from uses.of_offer(offer, layout)
    yield from contents.of_content(
        offer,
        unsayable=unsayable(layout.catalogue),
        hosts=around.hosts,
        languages=around.languages,
        now=now,
    )
    for campaign in campaigns:
        dates = schedules.of_campaign(campaign, layout, now=now)
        yield from (one for one in dates if (one.kind, one.key) == ("offer", key))


def _of_campaign(layout: Layout, key: str, around: Surroundings) -> Iterator[Oddity]:
    for campaign in layout.release.campaigns:
        if campaign.key == key:
            offers = layout.offers_of(campaign)
            yield from conditions.of_campaign(campaign, offers, layout.catalogue, now=around.now)
            yield from schedules.of_campaign(campaign, layout, now=around.now)


def of_release(layout: Layout, around: Surroundings, report: Report) -> list[Oddity]:
    """Return what is odd about a release, without a look at people; some milliseconds for each thing."""
    release, found = layout.release, list[Oddity]()
    things: list[tuple[str, str]] = [
        *(("segment", one.key) for one in release.segments),
        *(("offer", one.key) for one in release.offers),
        *(("campaign", one.key) for one in release.campaigns),
        *(("experiment", one.key) for one in release.experiments),
        *(("trigger", one.key) for one in release.triggers),
    ]
    for number, (kind, key) in enumerate(things):
        if number % 50 == 0:
            report(number, len(things))
        found += of_thing(layout, kind, key, around)
    found += signed(layout, schedules.of_dates(layout, now=around.now))
    found += signed(layout, uses.of_uses(layout))
    return list({one.mark: one for one in found}.values())


def without_echoes(found: list[Oddity]) -> list[Oddity]:
    """Return the findings without those that follow from another: of what is never true nobody is found."""
    never = {_condition_of(one) for one in found if one.code in NEVER}
    return [one for one in found if one.code not in ECHOES or _condition_of(one) not in never]


def _condition_of(one: Oddity) -> tuple[str, ...]:
    return one.kind, one.key, one.field, one.args.get("for_offer", "")


def signed(layout: Layout, found: Iterable[Oddity]) -> Iterator[Oddity]:
    """Yield findings with their marks."""
    for one in found:
        yield marked(one, layout.thing(one.kind, one.key))
