"""A site with one of everything that an authoring address can name."""

import io
from datetime import timedelta

from django.contrib.auth.models import User
from PIL import Image

from campaigns import comments, drafts, importing, previews, publishing, stopping
from campaigns.audiences import exact
from campaigns.candidates import candidate_of
from campaigns.images import library
from campaigns.models import ApprovalRule, Change, Delivery, Item, Notice, Release, SavedFilter
from campaigns.models.items import Kind
from campaigns.notifying import webhooks
from campaigns.thresholds import jobs
from decisioning.connections import importing as row_files
from decisioning.connections import sources
from decisioning.connections.hooks import HookSpec
from decisioning.connections.mapping import Mapping, Rule
from decisioning.connections.polls import PollSpec
from decisioning.dispatching.destinations import Target, make_destination, send_sample
from decisioning.models import MemberExport
from decisioning.rules.conditions import parse
from decisioning.specs import SegmentSpec
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.key_issuing import issue
from tests.campaigns.conftest import GOLD, NOW, go_live, person, save, specs

SHEET = b"key,name\r\nbronze,Bronze members\r\n"


def build(redis):
    """Return `fuzz`, who may do everything, and the ids that fill the addresses, by argument and kind."""
    author, user = person("mia", "Marketer"), User.objects.create_superuser("fuzz", password=None)
    _go_live(author)
    submitted = _change(author, "silver")
    mine = _change(user, "iron")
    publishing.submit(submitted, by=author, now=NOW)
    ids = {
        "change": [mine.pk, submitted.pk, *Change.objects.values_list("pk", flat=True)],
        "item": list(Item.objects.values_list("pk", flat=True)),
        "key": [item.key for item in Item.objects.all()],
        "release": list(Release.objects.values_list("pk", flat=True)),
        "comment": [comments.comment(submitted, "Why?", by=author, now=NOW).pk],
        "preview": [_preview(mine, user).pk],
        "count": [exact.ask(parse(GOLD, candidate_of(None).catalogue), by=user, now=NOW).pk],
        "picture": [_picture(user).pk],
        "import": [_sheet(user).pk],
        "rule": [ApprovalRule.objects.create(kind=Kind.OFFER, approvers=2).pk],
        "filter": [_filter(user).pk],
        "api_key": [str(issue(redis, "Shop", scopes=["decisions"], issued_by=user)[0].id)],
        "job": list(Job.objects.values_list("pk", flat=True)),
        "measuring": [Job.objects.create(kind=jobs.JOB_KIND, subject="Order, 7 d").pk],
        "stop": [_stop(user).pk],
    }
    target = webhooks.Target("Chat", "https://hooks.example/a", ["change.submitted"])
    hook, _secret = webhooks.make_webhook(target, by=user, now=NOW)
    webhooks.send_test(hook, now=NOW)
    destination, _secret = make_destination(
        "crm", Target(name="CRM", url="https://hooks.example/c"), by=user, now=NOW
    )
    ids |= {
        "destination": [destination.pk],
        "sending": [send_sample(destination, now=NOW).pk],
        "export": [_member_export(user).pk],
        "connected": [_source("poll").pk, _source("hook").pk],
        "rows": [_rows(user).pk],
        "webhook": [hook.pk],
        "delivery": list(Delivery.objects.values_list("pk", flat=True)),
        "notice": list(Notice.objects.filter(user=user).values_list("pk", flat=True)),
    }
    return user, ids


def _go_live(author):
    change = drafts.open_change(author, now=NOW, title="First release")
    for kind, spec in specs():
        save(change, kind, spec, author=author)
    publishing.submit(change, by=author, now=NOW)
    go_live(change, by=person("ada", "Approver"))


def _change(author, key):
    change = drafts.open_change(author, now=NOW, title=key.title())
    drafts.switch_change(author, change)
    save(change, Kind.SEGMENT, SegmentSpec(key=key, name=key, condition=GOLD), author=author)
    return change


def _preview(change, user):
    return previews.open_preview(change, previews.Asked(lasts=timedelta(days=1)), by=user, now=NOW)


def _picture(user):
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (255, 0, 0)).save(out, "PNG")
    return library.take_in(out.getvalue(), name="red.png", by=user, slots=[], now=NOW)


def _sheet(user):
    return importing.receive(SHEET, kind=Kind.SEGMENT, file_name="a.csv", user=user, now=NOW)


def _filter(user):
    return SavedFilter.objects.create(user=user, model="campaigns.offer", name="A", created_at=NOW)


def _member_export(user):
    return MemberExport.objects.create(
        segment="gold",
        namespaces=["user"],
        purpose="ads",
        format="csv",
        why="Newsletter",
        user=user,
        created_at=NOW,
    )


def _stop(user):
    return stopping.stop(Item.objects.get(key="winter-sale"), by=user, why="Wrong price", now=NOW)


def _source(kind):
    spec = PollSpec(url="https://shop.example/orders") if kind == "poll" else HookSpec()
    mapping = Mapping(event="Order", rules=(Rule(column="customer", target="user_id"),))
    described = sources.Described("Shop", spec, mapping, {}, False)
    return sources.make_source(f"shop-{kind}", kind, described, by=None, now=NOW)


def _rows(user):
    sender = row_files.Sender(user=user.pk)
    return row_files.receive(
        [b"customer,total\nc-1,5\n"], file_name="a.csv", sender=sender, now=NOW
    )
