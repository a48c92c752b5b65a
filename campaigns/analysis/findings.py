"""The only place that says what a finding of the analysis is made of: a code, a place and what is named; pure."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

MEASURED = ("share", "people", "missing")  # they move with the sample, and are no news when they do


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that a person should look at; `telling` puts it into words.

    `args` holds names and numbers, and conditions as ``{"condition": {…}}``, so that it can be kept as JSON and
    told in any language.
    """

    code: str  # "never", "overlap"
    kind: str  # "offer"
    key: str
    field: str = ""  # "eligibility", "variants[0].content.headline"
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    mark: str = ""  # the same as long as the finding and the thing are


def marked(oddity: Oddity, body: Any) -> Oddity:
    """Return the finding with a mark over what it says and what the thing says now."""
    said = {key: value for key, value in oddity.args.items() if key not in MEASURED}
    place = [oddity.code, oddity.kind, oddity.key, oddity.field]
    text = msgspec.json.encode([*place, said, body], order="sorted")
    mark = hashlib.sha256(text).hexdigest()[:32]
    return Oddity(oddity.code, oddity.kind, oddity.key, oddity.field, oddity.args, mark)


def written(condition: Any) -> dict[str, Any]:
    """Return a condition as an argument of a finding."""
    return {"condition": condition}
