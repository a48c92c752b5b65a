"""The only place that knows which vendor of the Global Vendor List this installation is: settings."""

from functools import lru_cache

from django.conf import settings

from consent.signals.tcf import House


@lru_cache(maxsize=1)
def this_house() -> House:
    """Return whom TC strings must allow."""
    return House(
        vendor=settings.RTTS_TCF_VENDOR_ID,
        legitimate_interest=frozenset(settings.RTTS_TCF_LEGITIMATE_INTEREST),
        deleted_cmps=frozenset(settings.RTTS_TCF_DELETED_CMPS),
    )
