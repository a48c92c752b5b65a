"""The only place where a process of the API keeps the terms of the intake at hand, read beside its requests."""

import ipaddress
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import maxminddb
import redis

from decisioning.enrichment import agents, stored
from decisioning.enrichment.steps import Known, Preparing, Region, places_of
from decisioning.enrichment.terms import DEFAULT, STRICT, Terms, TermsRefused
from decisioning.specs import AttributeSpec, EventTypeSpec

logger = logging.getLogger("decisioning")

POLL_S: Final = 1.0
PROVIDED_EVERY: Final = 15  # polls between two looks at what providers said


@dataclass(frozen=True, slots=True)
class _Made:
    attributes: Mapping[str, AttributeSpec]
    known: Known
    preparing: Preparing = field(repr=False)


class IntakeHolder:
    """One per process; a thread asks each second whether the terms changed."""

    def __init__(
        self,
        client: "redis.Redis",
        *,
        salt: bytes,
        geo_database: str = "",
        directory: Path | None = None,  # where the terms last read lie
    ) -> None:
        self._client = client
        self._directory = directory
        copy = stored.load_copy(directory) if directory is not None else None
        self._are_decided = copy is not None
        self._known = Known(terms=copy or STRICT, salt=salt, region=region_reader(geo_database))
        self._versions: dict[bytes, bytes] | None = None
        self._polls = 0
        self._made: _Made | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake-terms", daemon=True)

    def start(self) -> None:
        """Read once where Redis answers, then begin."""
        agents.start_loading()
        self._try()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    @property
    def terms(self) -> Terms:
        """The terms in force."""
        return self._known.terms

    def preparing(
        self, attributes: Mapping[str, AttributeSpec], event_types: Iterable[EventTypeSpec] = ()
    ) -> Preparing:
        """Return the steps by the terms in force and a release's catalogue; costs nothing while both stay."""
        made, known = self._made, self._known
        if made is None or made.attributes is not attributes or made.known is not known:
            places = places_of(event_types)
            whole = Preparing.by(replace(known, attributes=attributes, places=places))
            made = self._made = _Made(attributes, known, whole)
        return made.preparing

    def _run(self) -> None:
        while not self._stopped.wait(POLL_S):
            self._try()

    def _try(self) -> None:
        try:
            self.look()
        except (redis.RedisError, OSError):
            return  # what was read last goes on
        except TermsRefused as error:
            logger.error("intake.terms_unreadable %s", error)

    def look(self) -> None:
        """Read what changed."""
        versions = stored.load_versions(self._client)
        before, self._polls = self._versions or {}, self._polls + 1
        if self._versions is None or versions.get(b"terms") != before.get(b"terms"):
            self._look_for_terms(is_decided=b"terms" in versions)
        if versions.get(b"products") != before.get(b"products"):
            self._known = replace(self._known, products=stored.load_products(self._client))
        if self._known.terms.providers and self._polls % PROVIDED_EVERY == 1:
            found = {
                one.key: stored.load_provided(self._client, one.key)
                for one in self._known.terms.providers
            }
            self._known = replace(self._known, provided=found)
        self._versions = versions

    def _look_for_terms(self, *, is_decided: bool) -> None:
        """Read the terms. Where Redis lost them, what was read last goes on; nobody decided where it never knew any."""
        terms = stored.find_terms(self._client)
        if terms is None and (is_decided or self._are_decided):
            return
        self._known = replace(self._known, terms=terms or DEFAULT)
        if terms is None:
            return
        self._are_decided = True
        if self._directory is not None:
            stored.save_copy(terms, self._directory)


def region_reader(path: str) -> Region | None:
    """Return what looks an address up in a MaxMind database; None without a file."""
    if not path or not Path(path).is_file():
        return None
    database = maxminddb.open_database(path)

    @lru_cache(maxsize=4096)
    def region(address: str) -> tuple[str, str]:
        try:
            ipaddress.ip_address(address)
            found: Any = database.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return "", ""
        return _codes(found if isinstance(found, dict) else {})

    return region


def _codes(found: Mapping[str, Any]) -> tuple[str, str]:
    country = found.get("country") or {}
    regions = found.get("subdivisions") or [{}]
    return str(country.get("iso_code", "")), str(regions[0].get("iso_code", ""))
