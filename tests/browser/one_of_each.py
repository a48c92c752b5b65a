"""The only place that makes one of everything that a page of the admin can be about, and takes it away again."""

import json
from contextlib import contextmanager

import httpx

MAKE = """
import json
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from campaigns import drafts, importing, previews, stopping
from campaigns.candidates import candidate_of
from campaigns.models import ApprovalRule, Item, SavedFilter
from campaigns.models.items import Kind
from campaigns.notifying import webhooks
from consent.models import RecordRead
from decisioning.connections import importing as row_files, sources
from decisioning.connections.hooks import HookSpec
from decisioning.connections.mapping import Mapping, Rule
from decisioning.connections.polls import PollSpec
from decisioning.dispatching import destinations

now = timezone.now()
user = User.objects.get(username={user!r})
change = drafts.open_change(user, now=now, title="One of each")
body = dict(candidate_of(None).bodies["offer", {offer!r}])
body["name"] += " and more"
drafts.save_draft(change, drafts.Draft(kind=Kind.OFFER, key={offer!r}, body=body), author=user, now=now)
asked = previews.Asked(lasts=timedelta(hours=1), note="One of each")
previews.open_preview(change, asked, by=user, now=now)
target = webhooks.Target(name="One of each", url="https://one-of-each.example/", events=["release.published"])
hook, secret = webhooks.make_webhook(target, by=user, now=now)
stopped = stopping.stop(Item.objects.get(kind="offer", key={offer!r}), by=user, why="To be seen", now=now)
file = importing.receive(
    b"key,name,type,source\\none-of-each,One of each,number,context\\n",
    kind="attribute", file_name="one-of-each.csv", user=user, now=now,
)
kept = SavedFilter.objects.create(
    user=user, model="campaigns.offer", name="One of each", query="state=live", created_at=now,
)
rule = ApprovalRule.objects.create(kind="attribute", approvers=1)
target = destinations.Target(name="One of each", url="https://one-of-each.example/")
destination, secret = destinations.make_destination("one-of-each", target, by=user, now=now)
destinations.send_sample(destination, now=now + timedelta(days=1))
rows = row_files.receive(
    [b"customer,total\\nc-1,5\\n"], file_name="one-of-each.csv", sender=row_files.Sender(user=user.pk), now=now,
)
mapping = Mapping(event="Order Completed", rules=(Rule(column="customer", target="user_id"),))
polled, called = (
    sources.make_source(
        f"one-of-each-{{kind}}", kind, sources.Described("One of each", spec, mapping, {{}}, False),
        by=user.pk, now=now,
    )
    for kind, spec in (("poll", PollSpec(url="https://one-of-each.example/")), ("hook", HookSpec()))
)
# Kept for good, so it is not taken away again.
RecordRead.objects.create(person="p001" + "0" * 20, reader=user.username, what="timeline", read_at=now)
made = dict(
    rows=rows, polled=polled, called=called, change=change, hook=hook, stopped=stopped, file=file, kept=kept, rule=rule, destination=destination,
)
print(json.dumps({{name: row.pk for name, row in made.items()}}))
"""
REMOVE = """
from django.contrib.auth.models import User
from django.utils import timezone
from campaigns import publishing, stopping
from campaigns.models import ApprovalRule, Change, CsvImport, SavedFilter, Stop, Webhook
from decisioning.connections import importing as row_files
from decisioning.models import Destination, Import, Source

now = timezone.now()
publishing.discard(Change.objects.get(pk={change}), by=User.objects.get(username={user!r}), now=now)
stopping.lift(
    Stop.objects.get(pk={stopped}), by=User.objects.get(username={other!r}), why="Seen", now=now
)
Webhook.objects.get(pk={hook}).delete()
CsvImport.objects.get(pk={file}).delete()
SavedFilter.objects.get(pk={kept}).delete()
ApprovalRule.objects.get(pk={rule}).delete()
Destination.objects.get(pk={destination}).delete()
Source.objects.filter(pk__in=({polled}, {called})).delete()
row_files.cancel(Import.objects.get(pk={rows}), now=now)
Import.objects.get(pk={rows}).delete()
"""


@contextmanager
def made(product, *, offer):
    """Give the addresses of what no list leads to."""
    user, other = product.sign_in("admin")[0], product.sign_in("approver")[0]
    numbers = json.loads(product.python(MAKE.format(user=user, offer=offer)).splitlines()[-1])
    try:
        yield [
            f"/admin/changes/{numbers['change']}/",
            f"/admin/imports/{numbers['file']}/",
            f"/admin/decisioning/decisionrecord/{_decided(product)}/",
        ]
    finally:
        product.python(REMOVE.format(user=user, other=other, **numbers))


def _decided(product):
    """Return the id of a decision."""
    ask = {"person": {"user_id": "household-900"}, "placements": [{"key": "web.home.hero"}]}
    key = {"Authorization": f"Bearer {product.key('decisions')}"}
    answer = httpx.post(f"{product.base_url}/v1/decisions", json=ask, headers=key, timeout=30)
    return answer.raise_for_status().json()["decision_id"]
