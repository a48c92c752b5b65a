"""What a request itself says about consent, once read: the form in which the gate is told. Pure."""

from dataclasses import dataclass

UNREADABLE = (
    "*"  # among the fields of `Signals.gpp`: the string cannot be read, so every field says no
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the request says; it can only deny."""

    gpc: bool = False
    tcf: frozenset[int] | None = None  # purposes that the TC string allows; None: none was sent
    gpp: frozenset[str] | None = None  # fields of the GPP string that say no; None: none was sent
    denied: frozenset[str] = frozenset()  # purposes
    place: str = ""  # ISO 3166-2 of where the request comes from, "DE" or "US-CA"; "" is not known

    def allow_tcf(self, purposes: tuple[int, ...]) -> bool:
        """Return whether nothing that was sent denies one of these purposes of the TCF."""
        return self.tcf is None or self.tcf.issuperset(purposes)

    def allow_gpp(self, fields: tuple[str, ...]) -> bool:
        """Return whether nothing that was sent says no in one of these fields of the GPP."""
        if self.gpp is None or not fields:
            return True
        return UNREADABLE not in self.gpp and self.gpp.isdisjoint(fields)


NO_SIGNALS = Signals()
