"""The only writer of sources as people describe them: what is asked or called, its mapping, its sealed secrets."""

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from decisioning.connections import hooks, polls
from decisioning.connections.hooks import HookSpec
from decisioning.connections.mapping import Fault, Mapping, decode_mapping, faults_of
from decisioning.connections.polls import PollSpec, Progress
from decisioning.models import Source
from rtts_site.foundation.addresses import AddressRefused, check_address
from rtts_site.foundation.sealing import SealError, seal, unseal

PURPOSE: Final = "source"
MOST: Final = 100  # sources
SECRET: Final = 8_000  # characters
Secrets = dict[str, str]
Spec = PollSpec | HookSpec


class SourceRefused(Exception):
    """What was asked for is not possible; the message says what to do."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer, self.reason = pointer, reason


@dataclass(frozen=True, slots=True)
class Described:
    """What a source is asked to be; secrets that are left out stay as they are, while its sites stay."""

    name: str
    spec: Spec
    mapping: Mapping
    secrets: AnyMapping[str, str]
    is_active: bool


def spec_of(source: Source) -> Spec:
    """Return how a source is asked, or calls."""
    kind: type[Any] = PollSpec if source.kind == Source.Kind.POLL else HookSpec
    spec: Spec = msgspec.convert(source.settings, kind)
    return spec


def poll_of(source: Source) -> PollSpec:
    """Return how a source is asked."""
    return msgspec.convert(source.settings, PollSpec)


def mapping_of(source: Source) -> Mapping:
    """Return how a source's rows are read."""
    return decode_mapping(source.mapping)


def progress_of(source: Source) -> Progress:
    """Return how far a source was read."""
    return msgspec.convert(source.progress, Progress)


def secrets_of(source: Source) -> Secrets:
    """Return a source's secrets.

    Raises:
        SealError: the product's secret key was exchanged since.
    """
    if not source.sealed:
        return {}
    return msgspec.json.decode(unseal(bytes(source.sealed), purpose=PURPOSE), type=Secrets)


def seal_secrets(secrets: AnyMapping[str, str]) -> bytes:
    """Return secrets as they are kept."""
    return seal(msgspec.json.encode(dict(secrets)), purpose=PURPOSE)


def faults(described: Described) -> Iterator[Fault]:
    """Yield what is wrong in a description, "/settings" and "/mapping" before its own pointers."""
    spec = described.spec
    found: Iterator[Fault]
    if isinstance(spec, PollSpec):
        is_event = described.is_active and described.mapping.call != "identify"
        found = polls.faults_of(spec, is_event=is_event)
        yield from _address_faults(spec)
    else:
        found = hooks.faults_of(spec)
    yield from (Fault(f"/settings{one.pointer}", one.reason) for one in found)
    if described.is_active:  # it may rest without knowing what its columns mean
        yield from (
            Fault(f"/mapping{one.pointer}", one.reason) for one in faults_of(described.mapping)
        )
    for name, value in described.secrets.items():
        if len(value) > SECRET:
            yield Fault(f"/secrets/{name}", _("Use at most %s characters.") % SECRET)


def _address_faults(spec: PollSpec) -> Iterator[Fault]:
    for name, url in (("url", spec.url), ("token_url", spec.token_url)):
        if name == "token_url" and spec.auth not in ("client_credentials", "refresh_token"):
            continue
        try:
            check_address(url)
        except AddressRefused as error:
            yield Fault(f"/settings/{name}", str(error))


def make_source(
    key: str, kind: str, described: Described, *, by: int | None, now: datetime
) -> Source:
    """Create a source.

    Raises:
        SourceRefused: it has faults, its key is taken, or there are too many.
    """
    _check(described)
    if Source.objects.count() >= MOST:
        raise SourceRefused("", _("There are %s sources already; remove one.") % MOST)
    source = Source(key=key, kind=kind, created_by_id=by, created_at=now, changed_at=now)
    _put(source, described, now=now)
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError as error:
        raise SourceRefused("/key", _("There is a source of this key already.")) from error
    return source


def change_source(source: Source, described: Described, *, now: datetime) -> None:
    """Change a source; one whose address or paging changed begins anew, and its rows are known by their ids.

    Raises:
        SourceRefused: it has faults.
        SealError: its secrets cannot be read any more, and not all were given anew.
    """
    _check(described)
    with transaction.atomic():
        row = Source.objects.select_for_update(of=("self",)).get(pk=source.pk)
        _put(row, described, now=now)
        row.save()
    source.refresh_from_db()


def _check(described: Described) -> None:
    for fault in faults(described):
        raise SourceRefused(fault.pointer, fault.reason)


def _put(source: Source, described: Described, *, now: datetime) -> None:
    settings = msgspec.to_builtins(described.spec)
    if source.settings and _asked(source.settings) != _asked(settings):
        source.progress, source.run = {}, None
    if source.settings and _sites(source.settings) != _sites(settings):
        _forget_secrets(source, described)
    source.name, source.settings = described.name, settings
    source.mapping = msgspec.to_builtins(described.mapping)
    if described.secrets:
        try:
            kept = secrets_of(source)
        except SealError:
            kept = {}
        source.sealed, source.token = seal_secrets({**kept, **described.secrets}), b""
    source.is_active, source.changed_at = described.is_active, now
    source.failures = 0
    source.due_at = now if source.kind == Source.Kind.POLL else None


def _sites(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """Return where a source's secrets go."""
    return [urlsplit(settings.get(name, ""))[:2] for name in ("url", "token_url")]


def _forget_secrets(source: Source, described: Described) -> None:
    """Drop secrets that were given for other sites.

    Raises:
        SourceRefused: not all that are needed were given anew.
    """
    spec = described.spec
    needed = polls.SECRETS[spec.auth] if isinstance(spec, PollSpec) and source.sealed else ()
    for name in needed:
        if name not in described.secrets:
            raise SourceRefused(f"/secrets/{name}", _("Give this again: the address is another."))
    source.sealed, source.token = b"", b""


def _asked(settings: dict[str, Any]) -> dict[str, Any]:
    names = ("url", "paging", "parameter", "path", "since", "begin", "rows", "first_page")
    return {name: settings.get(name) for name in names}


def resume(source: Source, *, now: datetime) -> None:
    """Let a source be read, at once.

    Raises:
        SourceRefused: it, or its mapping, has faults.
    """
    _check(Described(source.name, spec_of(source), mapping_of(source), {}, True))
    Source.objects.filter(pk=source.pk).update(
        is_active=True, due_at=now, failures=0, changed_at=now
    )


def pause(source: Source, *, now: datetime) -> None:
    """Let a source rest; the page that is being read is still kept."""
    Source.objects.filter(pk=source.pk).update(is_active=False, changed_at=now)


def run_now(source: Source, *, now: datetime) -> None:
    """Have an active source asked at once."""
    Source.objects.filter(pk=source.pk, is_active=True).update(due_at=now, failures=0)
