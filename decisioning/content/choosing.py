"""Which variant of an offer somebody gets: the arm's, else the closest fit whose tokens all have values; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from decisioning.content.contents import Content, prepare
from decisioning.content.fitting import CONTEXT, by_closeness, context_detail
from decisioning.rules.visibility import may_serve
from decisioning.specs import (
    ANY_FIT,
    CampaignSpec,
    OfferSpec,
    PlacementSpec,
    ReleaseSpec,
    ValueType,
    VariantSpec,
)


@dataclass(frozen=True, slots=True)
class NoVariant:
    """Why an offer has nothing to show here."""

    token: str  # that has no value; "" where no variant fits
    context: str  # see `context_detail`


@dataclass(frozen=True, slots=True)
class Choice:
    """The variants that a placement may show of an offer, in the order authored."""

    contents: Mapping[str, Content]
    keys: frozenset[str]  # of all facts that the choice may rest on
    is_fitted: bool  # whether some variant is made for some context

    def pick(
        self, facts: Mapping[str, Any], *, wanted: str = "", unusable: Collection[str] = ()
    ) -> str | NoVariant:
        """Return the key of the variant to show; `wanted` is what an arm shows and need not fit.

        `unusable` are variants that turned out to have a hole.
        """
        every = self.contents.values()
        fitting = by_closeness(every, facts) if self.is_fitted else list(every)
        if wanted:
            fitting = [self.contents[wanted], *fitting]
        missing = ""
        for content in fitting:
            lacking = content.missing(facts)
            if not lacking and content.key not in unusable:
                return content.key
            missing = missing or lacking or ", ".join(content.types)
        return NoVariant(missing, context_detail(facts))


@dataclass(frozen=True, slots=True)
class Chooser:
    """Lays out the choices of a release."""

    readable: Mapping[tuple[str, ...], Mapping[str, ValueType]]  # by the purposes of an offer
    base: str  # what the addresses of pictures begin with

    @classmethod
    def of(cls, release: ReleaseSpec, *, base: str) -> "Chooser":
        """Return what lays out the choices of a release."""
        named = {one.key for one in release.attributes}
        # The context that chooses variants may be read even where the catalogue does not name it.
        unnamed = {key: kind for key, kind in CONTEXT.items() if key not in named}
        readable = {
            purposes: unnamed
            | {one.key: one.type for one in release.attributes if may_serve(one, purposes)}
            for purposes in {one.purposes for one in release.offers}
        }
        return cls(readable, base)

    def choice(
        self,
        campaign: CampaignSpec,
        offer: OfferSpec,
        placement: PlacementSpec,
        variants: Mapping[str, VariantSpec],
    ) -> Choice | None:
        """Return the choice between variants; None where it is always the first, and that is plain."""
        contents = {
            key: prepare(
                variant,
                offer,
                campaign,
                readable=self.readable[offer.purposes],
                slot=placement.picture_width,
                base=self.base,
            )
            for key, variant in variants.items()
        }
        keys = frozenset[str]().union(*(content.keys for content in contents.values()))
        is_plain = all(content.plain is not None for content in contents.values())
        is_fitted = any(variant.fit != ANY_FIT for variant in variants.values())
        return None if is_plain and not keys else Choice(contents, keys, is_fitted)
