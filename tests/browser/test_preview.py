"""A change is shown on the real channel before it is published: made in a browser, asked for by a request."""

import re
import time

import httpx
import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser

MAKE = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from campaigns import drafts
from campaigns.candidates import candidate_of
from campaigns.models.items import Kind
now = timezone.now()
user = User.objects.get(username={user!r})
change = drafts.open_change(user, now=now, title="Previewed in a browser")
body = dict(candidate_of(None).bodies["placement", "web.home.hero"])
body["fallback"] = {{"headline": "Seen in the preview"}}
body["max_count"] = 1
drafts.save_draft(change, drafts.Draft(kind=Kind.PLACEMENT, key="web.home.hero", body=body), author=user, now=now)
print(change.pk)
"""
DISCARD = """
from django.contrib.auth.models import User
from django.utils import timezone
from campaigns import publishing
from campaigns.models import Change
user = User.objects.get(username={user!r})
publishing.discard(Change.objects.get(pk={pk}), by=user, now=timezone.now())
"""


@pytest.fixture
def change(stack):
    user = stack.sign_in("marketer")[0]
    pk = int(stack.python(MAKE.format(user=user)).split()[-1])
    yield pk
    stack.python(DISCARD.format(user=user, pk=pk))


def decide(stack, token):
    body = {"person": {"anonymous_id": "f" * 32}, "placements": [{"key": "web.home.hero"}]}
    headers = {"Authorization": f"Bearer {stack.key('decisions')}", "X-RTTS-Preview": token}
    for _ in range(30):
        reply = httpx.post(f"{stack.base_url}/v1/decisions", json=body, headers=headers, timeout=30)
        if reply.status_code != 503:  # 503: the process is still loading the change
            break
        time.sleep(float(reply.headers["Retry-After"]))
    return reply


def wrong(visitor):
    """Return what is wrong with the page as it stands."""
    page = visitor.page
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*visitor.errors, *axe.findings(page), *(["too wide"] if wide else [])]


def is_logged(page):
    """Return whether the page comes to list one decision, which a worker archives."""
    logged = page.locator("#previews a[href*='decisionrecord/d-']")
    for _ in range(40):
        page.reload()
        if logged.count():
            return logged.count() == 1
        page.wait_for_timeout(250)
    return False


def test_a_change_is_seen_with_its_token_until_it_is_revoked(visit, stack, change):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(f"/admin/changes/{change}/")
        page.get_by_role("link", name="Preview on a channel").click()
        page.get_by_label("For whom").fill("Design team")
        page.get_by_label("Page of the channel").fill("https://shop.example/")
        page.get_by_role("button", name="Make the preview").focus()
        page.keyboard.press("Enter")
        page.get_by_text("ready", exact=True).wait_for(timeout=120_000)
        token = re.search(r"rtts_pv_[\w-]+", page.locator("[id^=header-]").inner_text())[0]

        seen = decide(stack, token)
        assert seen.status_code == 200, seen.text
        assert seen.json()["preview"]
        offers = seen.json()["placements"][0]["offers"]
        assert offers[0]["tracking_token"] is None
        assert page.get_by_role("link", name=re.compile("shop.example")).count() == 1

        assert is_logged(page)
        assert wrong(visitor) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert wrong(visitor) == []

        page.get_by_role("button", name="Revoke").click()
        page.get_by_text("revoked", exact=True).wait_for()
        refused = decide(stack, token)
        for _ in range(20):
            if refused.status_code == 403:
                break
            page.wait_for_timeout(500)
            refused = decide(stack, token)
        assert refused.status_code == 403
        assert "revoked" in refused.json()["detail"]
