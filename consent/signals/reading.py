"""Reads what a request says about consent; whatever cannot be read with certainty denies. Pure, never raises."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent.signals.said import NO_SIGNALS, UNREADABLE, Signals


@dataclass(frozen=True, slots=True)
class House:
    """Who reads TC strings, as the Global Vendor List knows them."""

    vendor: int = 0  # 0 is on no list: every TC string denies everything
    legitimate_interest: frozenset[int] = frozenset()  # purposes that the vendor registered so
    deleted_cmps: frozenset[int] = frozenset()


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
    return Signals(
        gpc=gpc,
        tcf=frozenset() if tcf else None,
        gpp=frozenset({UNREADABLE}) if gpp else None,
        denied=frozenset(denied),
    )
