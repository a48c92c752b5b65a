"""The only place that puts findings of the analysis into words: what is odd, and what to do about it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from campaigns import wording
from campaigns.analysis.findings import Oddity
from campaigns.models.items import Kind

Severity = Literal["error", "caution", "note"]
Words = str | Promise


@dataclass(frozen=True, slots=True)
class Saying:
    """How one kind of finding is told; both texts have places for its arguments."""

    severity: Severity
    what: Words
    do: Words


def _error(what: Words, do: Words) -> Saying:
    return Saying("error", what, do)


def _caution(what: Words, do: Words) -> Saying:
    return Saying("caution", what, do)


def _note(what: Words, do: Words) -> Saying:
    return Saying("note", what, do)


# The most severe first: lists keep this order.
SAYINGS: Final[dict[str, Saying]] = {
    "untactful": _error(
        _("“{attribute}” may select people but may not be said to them."),
        _("Take the token out, or let the attribute be said in the catalogue."),
    ),
    "token_broken": _error(
        _("A token cannot be read: {trouble}"), _("Write it as e.g. {{{{ first_name }}}}.")
    ),
    "never_beside": _caution(
        _("This is never true: “{what}” and “{other}” exclude each other."),
        _("Drop one of the two, or let one of them be enough."),
    ),
    "never": _caution(
        _("This is never true: “{what}” cannot hold."), _("Change or drop this condition.")
    ),
    "unseen_never": _caution(
        _("This is never true for “{offer}”: {names} may not be used for all of its purposes."),
        _("Drop the condition, or change the purposes of the offer or of what it reads."),
    ),
    "never_in_campaign": _caution(
        _("Nobody can see this in “{campaign}”: its conditions and the offer's exclude each other."),
        _("Change one of them, or take the offer out of the campaign."),
    ),
    "trigger_segment_never": _caution(
        _("It never fires: nobody can be in “{segment}”."),
        _("Change the segment, or choose another one."),
    ),
    "trigger_never_then": _caution(
        _("It never fires: who enters “{segment}” cannot meet this condition then."),
        _("Drop the condition, or choose another segment."),
    ),
    "trigger_never_left": _caution(
        _("It never fires: who leaves “{segment}” cannot meet this condition then."),
        _("Drop the condition, or choose another segment."),
    ),
    "trigger_answered": _caution(
        _("It never fires: each event that starts the wait ends it at once."),
        _("Choose another event that did not follow, or one with other properties."),
    ),
    "trigger_shows_nothing": _caution(
        _("It does nothing: no offer of any campaign is made for this placement."),
        _("Choose another placement, or give an offer a variant for it."),
    ),
    "trigger_retired": _caution(
        _("It acts for “{purpose}”, which is retired: nobody is reached."),
        _("Choose a purpose that is in use."),
    ),
    "placement_over": _caution(
        _("Everything that this placement could show is over: it shows its fallback only."),
        _("Give it an offer of a campaign that still runs."),
    ),
    "placement_unused": _caution(
        _("No offer of any campaign is made for this placement: it shows its fallback only."),
        _("Give an offer a variant for it, or archive the placement."),
    ),
    "placement_for_nobody": _caution(
        _("Of {people} people nobody may see any offer here: it shows its fallback only."),
        _("Widen who may see one of its offers."),
    ),
    "campaign_empty": _caution(
        _("None of its offers runs while it runs."), _("Add an offer, or archive the campaign.")
    ),
    "dates_apart": _caution(
        _("The dates of the offer and of “{campaign}” never overlap, so it is never shown there."),
        _("Change the dates of one of them."),
    ),
    "offer_retired": _caution(
        _("It is shown for “{purpose}”, which is retired: nobody can see it."),
        _("Choose a purpose that is in use."),
    ),
    "offer_nowhere": _caution(
        _("It is in no campaign and is never shown."), _("Add it to a campaign, or archive it.")
    ),
    "offer_for_nobody": _caution(
        _("Of {people} people nobody meets its conditions and its campaign's."),
        _("Widen who may see it."),
    ),
    "arm_for_nobody": _caution(
        _("Of {people} people nobody meets these conditions and the campaign's."),
        _("Change the number or the conditions of this arm."),
    ),
    "never_wins": _caution(
        _("It never wins: for each of its people another offer ranks above it, mostly “{winner}”."),
        _("Raise its priority, or limit how often the other one is shown."),
    ),
    "segment_empty": _caution(_("Of {people} people nobody is in it."), _("Widen its conditions.")),
    "link_dead": _caution(
        _("The link {link} does not work: {trouble}."), _("Correct the address.")
    ),
    "link_broken": _caution(
        _("The link {link} cannot work: {trouble}."), _("Correct the address.")
    ),
    "day_past": _caution(_("“{day}” is over."), _("Correct the date in the text.")),
    "day_after": _caution(
        _("“{day}” is after the offer's end, {ends}."), _("Correct the text, or move the end.")
    ),
    "day_before": _caution(
        _("“{day}” is before the offer's start, {starts}."), _("Correct the text, or move the start.")
    ),
    "price_differs": _caution(
        _("The text says {price}, but {field} says {value}."), _("Make both say the same.")
    ),
    "leftover": _caution(
        _("“{text}” looks like something that was to be replaced."), _("Write the final text.")
    ),
    "language": _caution(
        _("“{language}” is no language that is known."), _("Write a code such as de or de-AT.")
    ),
    "token_lacking": _caution(
        _("“{attribute}” is not known of {missing} of those who would see this: they get another variant or the fallback."),
        _("Say what to write instead: {{{{ {attribute} | default: \"…\" }}}}."),
    ),
    "alt_missing": _caution(
        _("The image says nothing to who cannot see it."),
        _("Describe it in a few words, beside the image."),
    ),
    "contrast": _caution(
        _("{text} on {ground} is hard to read: contrast {ratio}, at least 4.5 is needed."),
        _("Choose a darker or a lighter colour."),
    ),
    "dead_beside": _caution(
        _("“{what}” can never be true here: “{other}” excludes it."), _("Drop or change it.")
    ),
    "dead": _caution(_("“{what}” can never be true here."), _("Drop or change it.")),
    "unseen": _caution(
        _("{names} may not be used for every purpose of “{offer}”: unknown there, it may never be met."),
        _("Drop the condition, or change the purposes of the offer or of what it reads."),
    ),
    "always": _caution(
        _("“{what}” is true for everybody."), _("Drop it, or say whom it is to leave out.")
    ),
    "known": _caution(
        _("“{what}” is true for everybody of whom {of} is known."),
        _("If that is meant, write “is set”; else say whom it is to leave out."),
    ),
    "excludes_nobody": _caution(
        _("“{what}” can never be true, so this excludes nobody of whom {of} is known."),
        _("Drop or change it."),
    ),
    "useless_beside": _caution(
        _("“{what}” says nothing new beside “{other}”."), _("Drop it: the same people match.")
    ),
    "useless": _caution(
        _("“{what}” says nothing new beside the other conditions."),
        _("Drop it: the same people match."),
    ),
    "covered_beside": _caution(
        _("“{what}” finds nobody whom “{other}” does not find."),
        _("Drop it: the same people match."),
    ),
    "covered": _caution(
        _("“{what}” finds nobody whom the other conditions do not find."),
        _("Drop it: the same people match."),
    ),
    "tie": _caution(
        _("{share} of people may see this and “{winner}” on {placement}, and both score {score}: the key alone decides for “{winner}”."),
        _("Give them different priorities."),
    ),
    "purpose_weighed": _caution(
        _("“{campaign}” weighs what people did, but this offer has no purpose, so it counts 0."),
        _("Say for which purpose it is shown."),
    ),
    "arms_alike": _caution(
        _("All arms show the same, so there is nothing to compare."),
        _("Give one arm another variant, weight or condition."),
    ),
    "experiment_beside": _caution(
        _("“{experiment}” runs in the same campaign: what somebody in both is shown counts for one of them only."),
        _("Let one run after the other, or move it to a campaign of its own."),
    ),
    "experiment_idle": _caution(
        _("Nobody takes part: its traffic is 0."), _("Raise the traffic, or archive it.")
    ),
    "one_arm": _caution(
        _("Everybody who takes part is in “{arm}”."), _("Give a second arm a share.")
    ),
    "cap_idle": _caution(
        _("“{cap}” is never reached: “{other}” always comes first."), _("Drop it or make it stricter.")
    ),
    "link_stranger": _note(
        _("The link leads to {host}, where no link led so far."), _("Check that it is right.")
    ),
    "offer_ended": _note(
        _("It ended on {ended}, and its campaigns still have it."), _("Move its end, or archive it.")
    ),
    "campaign_ended": _note(_("It ended on {ended}."), _("Move its end, or archive it.")),
    "experiment_over": _note(
        _("Its campaign “{campaign}” is over."), _("Read its results, then archive it.")
    ),
    "placement_waits": _note(
        _("Nothing runs here before {starts}: until then it shows its fallback."),
        _("Start an offer earlier, if that is not meant."),
    ),
    "segment_unused": _note(
        _("Nothing uses it."), _("Use it in an offer or a campaign, or archive it.")
    ),
    "attribute_retired": _note(
        _("It serves “{purpose}”, which is retired."), _("Take the purpose away.")
    ),
    "purpose_none": _note(
        _("It has no purpose: it is shown without anybody's consent, and uses nothing personal."),
        _("If it is advertising, choose its purpose."),
    ),
    "overlap": _note(
        _("{share} of people may see this and “{winner}” on {placement}; “{winner}” wins with {winning} over {score}."),
        _("Change the priorities if this one should win."),
    ),
    "overlap_moving": _note(
        _("{share} of people may see this and “{winner}” on {placement}; which wins depends on the person."),
        _("Try people in “Who sees what”."),
    ),
}  # fmt: skip
RANK: Final = {code: number for number, code in enumerate(SAYINGS)}
TROUBLES: Final[dict[str, Words]] = {
    "characters": _("it has spaces or other characters that an address cannot have"),
    "form": _("it is not a whole address"),
    "relative": _("write it with https:// or with / in front"),
    "scheme": _("only http, https, mailto and tel are allowed"),
    "host": _("there can be no such host"),
    "unreachable": _("no answer"),
    "private": _("it leads into a private network"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in the reader's language."""

    oddity: Oddity
    severity: Severity
    name: str  # of the thing
    what: str
    do: str

    @property
    def kind_label(self) -> str:
        """Return what kind of thing it is about, e.g. "offer"."""
        return str(Kind(self.oddity.kind).label)

    def __str__(self) -> str:
        return f"{self.what} {self.do}"


def tell(oddity: Oddity, names: wording.Names) -> Told:
    """Return a finding in words, conditions as sentences and keys as names."""
    saying = SAYINGS[oddity.code]
    said = {key: _said(key, value, oddity.code, names) for key, value in oddity.args.items()}
    what = str(saying.what).format(**said)
    more = oddity.args.get("more")
    if more:
        what += " " + ngettext(
            "It shares people with {count} more offer.", "It shares people with {count} more offers.", more
        ).format(count=more)  # fmt: skip
    if "in_arm" in oddity.args:
        what = gettext("Arm “{in_arm}”, offer “{for_offer}”: {what}").format(what=what, **said)
    name = names.of(oddity.kind, oddity.key)
    return Told(oddity, saying.severity, name, what, str(saying.do).format(**said))


def tell_all(found: Iterable[Oddity], names: wording.Names) -> list[Told]:
    """Return findings in words, the most severe first, then by kind and key."""
    order = sorted(found, key=lambda one: (RANK[one.code], one.kind, one.key, one.field))
    return [tell(one, names) for one in order]


def _said(key: str, value: Any, code: str, names: wording.Names) -> str:
    maker = _MAKERS.get(key)
    if isinstance(value, Mapping) and "condition" in value:
        return wording.words_of(value["condition"], names)
    if isinstance(value, Mapping):
        return _cap(value, names)
    if maker is not None:
        return maker(value, names)
    if key == "trouble":
        return str(TROUBLES.get(value, value))
    return _listed(value) if isinstance(value, list) else str(value)


def _listed(values: list[str]) -> str:
    if len(values) == 1:
        return values[0]
    *most, last = values
    return gettext("{most} and {last}").format(most=", ".join(most), last=last)


def _share(value: float, names: wording.Names) -> str:
    return f"{value:.0%}" if value >= 0.01 else gettext("fewer than 1%")


def _day(value: str, names: wording.Names) -> str:
    return date_format(datetime.fromisoformat(value), "j M Y")


def _people(value: int, names: wording.Names) -> str:
    return f"{value:,}"


def _cap(value: Any, names: wording.Names) -> str:
    return wording.describe("offer", {"caps": [value]}, names).popitem()[1]


_MAKERS: Final[dict[str, Callable[[Any, wording.Names], str]]] = {
    "share": _share,
    "missing": _share,
    "people": _people,
    "ended": _day,
    "starts": _day,
    "ends": _day,
    "attribute": lambda value, names: value,
    "for_offer": lambda value, names: names.of(Kind.OFFER, value),
    "purpose": lambda value, names: names.of(Kind.PURPOSE, value),
}
