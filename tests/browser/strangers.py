"""The only place that opens the demo shop for visitors who have not signed in, and reads what their browser did."""

import json
from contextlib import contextmanager

from tests.browser.conftest import LIGHT, PATIENCE_MS, Visitor

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    shifts.push([entry.value, entry.sources.map(({ node }) => `${node?.nodeName} ${node?.className}`).join()]);
}).observe({ type: "layout-shift", buffered: true });
"""
STORED = """async () => ({
  local: { ...localStorage }, session: { ...sessionStorage }, cookies: document.cookie,
  databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
})"""
NOTHING = {"local": {}, "session": {}, "cookies": "", "databases": 0, "caches": 0}
CONFIRMED = "!Object.keys(localStorage).some((name) => name.startsWith('rtts.page.'))"
# Playwright's own waiting evaluates text in the page, which the strict policy forbids.
WAIT = """async () => {{
  const end = performance.now() + {patience};
  while (!({condition})) {{
    if (performance.now() > end) throw new Error("still not so");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }}
}}"""


class Stranger(Visitor):
    """A visitor of the shop; notes what goes to the API."""

    def __init__(self, context, base_url):
        super().__init__(context, base_url)
        self.context = context
        self.sent = []  # (path, body) of each request to the API
        context.on("request", self._note_sent)

    def _note_sent(self, request):
        path = request.url.removeprefix(self.base_url).partition("?")[0]
        if path.startswith("/v1/"):
            self.sent.append((path, json.loads(request.post_data or "null")))

    def stored(self):
        return self.page.evaluate(STORED)

    def says(self, what):
        """Answer the banner, and wait for what that leads to."""
        self.page.locator("#banner").get_by_role("button", name=what).click()
        if what == "Accept":
            self.wait_until_known()

    def wait_until_known(self):
        """Wait until the server has the consent and all events so far, and listens."""
        self.until(f"rtts.state.id && {CONFIRMED} && window.heard")

    def until(self, condition):
        """Wait until something is so in the page, e.g. ``"window.changed"``."""
        self.page.evaluate(WAIT.format(patience=PATIENCE_MS, condition=condition))

    def looks_at(self, number):
        self.page.locator("summary").nth(number).click()

    @property
    def slot(self):
        return self.page.locator("[data-rtts-slot='web.shop.hero']")

    @property
    def anonymous_id(self):
        return self.page.evaluate("rtts.state.id")


@contextmanager
def stranger(chromium, stack, **options):
    """Give a visitor whom nobody knows."""
    context = chromium.new_context(**(LIGHT | options))
    context.add_init_script(WATCH)
    context.add_init_script(
        "addEventListener('DOMContentLoaded', () => window.rtts?.on('news', () => (window.heard = (window.heard || 0) + 1)))"
    )
    visitor = Stranger(context, stack.base_url)
    yield visitor
    context.close()
    assert visitor.outside == []
