"""What the ``/`` box finds for one user, as links in groups; what a role may not see is not found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from campaigns import finding
from campaigns.models import PROXIES, Change, Release
from campaigns.person_links import person_link
from consent import ledger
from consent.forms import parse_person
from consent.models import Person, RecordRead
from consent.people import profile_key
from rtts_site.foundation.redis_clients import Down, redis_client


@dataclass(frozen=True, slots=True)
class FoundLink:
    """One hit."""

    title: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """Hits of one kind, and where the rest of them is."""

    kind: str
    hits: list[FoundLink]
    more: str = ""
    url: str = ""


def authored(user: User, query: str) -> Iterator[FoundGroup]:
    """Yield what a user may see of things, changes and releases that have a query."""
    kinds = [
        kind
        for kind, model in PROXIES.items()
        if user.has_perm(f"campaigns.view_{model._meta.model_name}")
    ]
    for group in finding.find_things(query, kinds) if kinds else ():
        opts = PROXIES[group.kind]._meta
        yield _group(group, opts.model_name or "", capfirst(opts.verbose_name_plural), query)
    if user.has_perm("campaigns.view_change"):
        for group in finding.find_changes(query):
            yield _group(group, "change", capfirst(Change._meta.verbose_name_plural), query)
    if user.has_perm("campaigns.view_release"):
        for group in finding.find_releases(query):
            yield _group(group, "release", capfirst(Release._meta.verbose_name_plural), query)


def _group(group: finding.Group, model: str, label: Any, query: str) -> FoundGroup:
    own_page = {"change": "admin:rtts-change", "release": "admin:rtts-release"}
    name = own_page.get(model, f"admin:campaigns_{model}_change")
    links = [FoundLink(hit.title, reverse(name, args=[hit.pk]), hit.note) for hit in group.hits]
    url = f"{reverse(f'admin:campaigns_{model}_changelist')}?{urlencode({'q': query})}"
    return FoundGroup(str(label), links, group.more_words if group.more else "", url)


def person(user: User, query: str, *, now: datetime) -> Iterator[FoundGroup]:
    """Yield the one person whom a query names exactly, and record that they were looked up."""
    if not user.has_perm("consent.view_person"):
        return
    for name in (query, f"user:{query}"):
        try:
            known = ledger.current_person(parse_person(name).id)
        except ValueError:
            continue
        if _is_known(known):
            RecordRead.objects.create(
                person=known, reader=user.get_username(), what="search", read_at=now
            )
            url = person_link(redis_client(), known)
            yield FoundGroup(_("People"), [FoundLink(_("One person"), url, known)])
            return


def _is_known(person: str) -> bool:
    if Person.objects.filter(id=person).exists():
        return True
    try:
        return bool(redis_client().exists(profile_key(person)))
    except Down:
        return False  # the page of the person says that the store is away
