"""Segment's library for browsers, unmodified, in Chromium on a page of another origin than the product's."""

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.programs import npm

NODE = Path(__file__).parent / "node"
LIBRARY = "node_modules/@segment/analytics-next/dist/umd"
PAGE = """<!doctype html><title>Shop</title>
<script src="/index.js"></script>
<script>
  const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: "%(key)s", cdnURL: "%(product)s" });
</script>
"""

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def shop(bare_stack):
    """Serve the library and return where; its pages are of an origin of their own."""
    if not (NODE / LIBRARY).exists():
        npm("ci", directory=NODE)
    handler = partial(Quiet, directory=str(NODE / LIBRARY))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_analytics_js_sends_what_a_visitor_does(bare_stack, shop, chromium_path):
    options = ("--browser", "--scope", "events", "--origin", shop)
    key = bare_stack.manage("rtts_key", "shop", *options).strip()
    answers, errors = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("response", lambda reply: answers.append((reply.request.method, reply.url, reply)))
        page.on("requestfailed", lambda asked: errors.append(f"{asked.url} {asked.failure}"))
        page.on("pageerror", lambda error: errors.append(str(error)))
        body = PAGE % {"key": key, "product": bare_stack.base_url}
        page.route(
            re.compile(r".*/\?utm_source=news"),
            lambda route: route.fulfill(body=body, content_type="text/html"),
        )
        page.goto(f"{shop}/?utm_source=news")
        with page.expect_response("**/v1/p"):
            page.evaluate("analytics.page('Home')")
        with page.expect_response("**/v1/t"):
            page.evaluate("analytics.track('Product Viewed', {product_id: 'p1', price: 5})")
        taken = [
            reply.json()
            for method, url, reply in answers
            if method == "POST" and url.startswith(bare_stack.base_url)
        ]
        browser.close()

    assert errors == []
    assert taken == [{"accepted": 1, "duplicates": 0, "refused": []}] * 2
