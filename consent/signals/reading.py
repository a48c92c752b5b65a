"""Reads what a request says about consent; whatever cannot be read with certainty denies. Pure, never raises."""

from collections.abc import Iterable
from datetime import datetime

from consent.signals import gpp as gpp_strings
from consent.signals.said import NO_SIGNALS, Signals
from consent.signals.tcf import House, allowed_purposes

NOBODY = House()


def read_signals(
    *,
    gpc: bool = False,
    tcf: str = "",
    gpp: str = "",
    denied: Iterable[str] = (),
    house: House = NOBODY,
    now: datetime,
) -> Signals:
    """Return what a request says, e.g. ``read_signals(gpc=True, tcf="CPx…", now=now)``; an empty string was not sent."""
    if not (gpc or tcf or gpp or denied):
        return NO_SIGNALS
    allowed = [allowed_purposes(tcf, house=house, now=now)] if tcf else []
    fields: frozenset[str] | None = None
    if gpp:
        said = gpp_strings.decode(gpp)
        fields = gpp_strings.denied_fields(said)
        gpc = gpc or (said is not None and said.gpc)
        allowed += gpp_strings.allowed_purposes(said, house=house, now=now)
    return Signals(
        gpc=gpc,
        tcf=frozenset.intersection(*allowed) if allowed else None,
        gpp=fields,
        denied=frozenset(denied),
    )
