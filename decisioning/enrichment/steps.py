"""The only place that lists what happens to a record between reading and accepting it, in which order. Pure."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_noop as _  # pages translate

from decisioning.enrichment import belonging, placing, privacy, readings
from decisioning.enrichment.surroundings import NOTHING, Surroundings
from decisioning.enrichment.terms import DEFAULT, Terms
from decisioning.enrichment.walking import names_in
from decisioning.ingestion.records import Record
from decisioning.specs import AttributeSpec, EventTypeSpec

Region = Callable[[str], tuple[str, str]]  # address -> country, region


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What steps look things up in; loaded beside the requests."""

    terms: Terms = DEFAULT
    attributes: Mapping[str, AttributeSpec] = field(default_factory=dict)
    products: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # provider -> cell -> (values, epoch ms until when they hold)
    provided: Mapping[str, Mapping[str, tuple[Mapping[str, Any], int]]] = field(
        default_factory=dict
    )
    region: Region | None = None
    places: frozenset[str] = frozenset()  # properties that the catalogue declares to be places
    salt: bytes = field(default=b"", repr=False)  # of hashed values


Apply = Callable[[Record, Surroundings, Known], None]  # changes the record's own dictionaries


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done to the records that it concerns."""

    key: str
    name: str
    does: str
    apply: Apply
    is_fixed: bool = False  # stands last and cannot be turned off
    names: frozenset[str] | None = (
        None  # it changes what says something under one of these; None: any
    )
    reads_around: bool = False  # and that around which something came

    def concerns(self, named: Set[str], *, has_around: bool) -> bool:
        """Return whether it may change a record that has these names in it."""
        return (
            self.names is None
            or not self.names.isdisjoint(named)
            or (self.reads_around and has_around)
        )


STEPS: Final[tuple[Step, ...]] = (
    Step(
        "device",
        _("Device"),
        _("Device class, system and browser from client hints, else from the user agent."),
        readings.read_device,
        names=readings.DEVICE_NAMES,
        reads_around=True,
    ),
    Step(
        "region",
        _("Region"),
        _("Country and region from the edge's headers, else from an optional address database."),
        readings.read_region,
        names=readings.REGION_NAMES,
        reads_around=True,
    ),
    Step(
        "wishes",
        _("Language and network"),
        _("Language, network speed and the wish to save data, as the browser tells them."),
        readings.read_wishes,
        names=readings.WISH_NAMES,
        reads_around=True,
    ),
    Step(
        "campaign",
        _("Campaign"),
        _("utm_ parameters and the referring site from the page's address."),
        readings.read_campaign,
        names=readings.CAMPAIGN_NAMES,
    ),
    Step(
        "product",
        _("Product"),
        _("What the product table says of a product id: category, brand, name, price."),
        readings.read_product,
        names=readings.PRODUCT_NAMES,
    ),
    Step(
        "local_time",
        _("Local time"),
        _("Hour, weekday and part of the day on the person's clock."),
        readings.read_local_time,
        names=readings.LOCAL_TIME_NAMES,
    ),
    Step(
        "surroundings",
        _("Weather and the like"),
        _("What a provider said of the coarse cell that the event is in."),
        placing.read_provided,
        names=placing.LOCATION,
    ),
    Step(
        "geofences",
        _("Geofences"),
        _("The named places that the event is in."),
        placing.read_fences,
        names=placing.LOCATION,
    ),
    Step(
        "segments",
        _("Segments and cluster"),
        _(
            "Those that the person is in, where a condition asks for them; what a sender says of them is dropped."
        ),
        belonging.drop_claims,
        is_fixed=True,
        names=belonging.CLAIMS,
    ),
    Step(
        "place",
        _("Precise place"),
        _("Drops latitude and longitude: they are never stored."),
        placing.drop_point,
        is_fixed=True,
        names=placing.LOCATION | placing.POINT,
    ),
    Step(
        "address",
        _("Internet address"),
        _("Cuts the address to its network: /24, or /48 of IPv6."),
        privacy.cut_address,
        is_fixed=True,
        names=privacy.ADDRESSES,
    ),
    Step(
        "agent",
        _("User agent"),
        _("Keeps family and major version alone."),
        privacy.reduce_agent,
        is_fixed=True,
        names=privacy.AGENTS,
    ),
    Step(
        "purposes",
        _("Purposes"),
        _("Drops or hashes attributes that may serve no purpose."),
        privacy.keep_permitted,
        is_fixed=True,
    ),
)
BY_KEY: Final = {step.key: step for step in STEPS}
_NAMES: Final = frozenset(name for step in STEPS for name in step.names or ())
_MOST_KINDS: Final = 1_000  # of records, by which of these names they have in them


def places_of(event_types: Iterable[EventTypeSpec]) -> frozenset[str]:
    """Return the properties that event types declare to be places, such as a store's."""
    return frozenset(
        one.key for kind in event_types for one in kind.properties if one.type == "place"
    )


def in_order(terms: Terms) -> tuple[Step, ...]:
    """Return the steps as they are done: those that can be moved as the owner put them, then the fixed ones."""
    movable = [step for step in STEPS if not step.is_fixed]
    rank = {key: place for place, key in enumerate(terms.order)}
    movable.sort(key=lambda step: rank.get(step.key, len(rank)))
    on = [step for step in movable if step.key not in terms.off]
    return (*on, *(step for step in STEPS if step.is_fixed))


# The steps that say what a moment is like, of an event or of a request.
_OF_MOMENTS: Final = frozenset(
    {"device", "region", "wishes", "campaign", "local_time", "surroundings"}
)


@dataclass(frozen=True, slots=True)
class Preparing:
    """The steps that are done now, with what they look things up in."""

    steps: tuple[Step, ...]
    known: Known
    _by_kind: dict[tuple[Set[str], bool], tuple[Step, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def moment(
        self, context: Mapping[str, Any], around: Surroundings, *, now_ms: int
    ) -> dict[str, Any]:
        """Return the context of a request with what the same steps say of it as of an event."""
        asked = Record(
            message_id="",
            person="",
            context=dict(context),
            event_time_ms=now_ms,
            received_at_ms=now_ms,
        )
        for step in self.steps:
            if step.key in _OF_MOMENTS:
                step.apply(asked, around, self.known)
        return asked.context

    @classmethod
    def by(cls, known: Known) -> "Preparing":
        return cls(in_order(known.terms), known)

    def __call__(self, record: Record, around: Surroundings = NOTHING) -> Record:
        """Return the record as it may be accepted. Its own dictionaries are changed, nothing within them."""
        known, named = self.known, _NAMES.intersection(names_in(record))
        for step in self._concerned(named, has_around=around is not NOTHING):
            step.apply(record, around, known)
        return record

    def _concerned(self, named: Set[str], *, has_around: bool) -> tuple[Step, ...]:
        """Return the steps that may change such a record; most records are of a few kinds."""
        found = self._by_kind.get((named, has_around))
        if found is None:
            found = tuple(one for one in self.steps if one.concerns(named, has_around=has_around))
            if len(self._by_kind) < _MOST_KINDS:
                self._by_kind[named, has_around] = found
        return found
