"""Segment's library for browsers, unmodified, in Chromium on a page of another origin than the product's."""

import threading
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.programs import npm

NODE = Path(__file__).parents[1] / "clients" / "node"
LIBRARY = "node_modules/@segment/analytics-next/dist/umd"
PAGE = """<!doctype html><title>Shop</title>
<script src="/index.js"></script>
<script>
  const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: "%(key)s", cdnURL: "%(product)s" });
</script>
"""

pytestmark = pytest.mark.browser


class Shop(SimpleHTTPRequestHandler):
    """Serves the page, as it is at the time, and the library's files."""

    def do_GET(self):
        if not self.path.startswith("/?"):
            super().do_GET()
            return
        body = self.server.page.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def shop(bare_stack):
    """Serve the shop; really, as browsers let no page call this machine that they did not get from it."""
    if not (NODE / LIBRARY).exists():
        npm("ci", directory=NODE)
    handler = partial(Shop, directory=str(NODE / LIBRARY))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_analytics_js_sends_what_a_visitor_does(bare_stack, shop, chromium):
    options = ("--browser", "--scope", "events", "--origin", shop.url)
    key = bare_stack.manage("rtts_key", "shop", *options).strip()
    shop.page = PAGE % {"key": key, "product": bare_stack.base_url}
    answers, errors = [], []
    with closing(chromium.new_page()) as page:
        page.on("response", lambda reply: answers.append((reply.request.method, reply.url, reply)))
        page.on("requestfailed", lambda asked: errors.append(f"{asked.url} {asked.failure}"))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{shop.url}/?utm_source=news")
        with page.expect_response("**/v1/p"):
            page.evaluate("void analytics.page('Home')")
        with page.expect_response("**/v1/t"):
            page.evaluate("void analytics.track('Product Viewed', {product_id: 'p1', price: 5})")
        taken = [
            reply.json()
            for method, url, reply in answers
            if method == "POST" and url.startswith(bare_stack.base_url)
        ]

    assert errors == []
    assert taken == [{"accepted": 1, "duplicates": 0, "refused": []}] * 2
