"""The only place that follows links to every page: one address for each route and kind of thing."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.urls import Resolver404, resolve

WITHIN = "/admin/"
KINDS = ("kind", "subject", "act", "step")  # arguments that choose another page


class Page(HTMLParser):
    """Where the links of a page lead, and whether it is one."""

    def __init__(self, html):
        super().__init__()
        self.links = []
        self.is_whole = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.is_whole |= tag == "html"
        if tag == "a" and said.get("href") and "download" not in said:
            self.links.append(said["href"])


def route_of(address):
    """Return route and kind of an address, e.g. ``("admin/import/<slug:kind>/", "offer")``, or None."""
    try:
        match = resolve(urlsplit(address).path)
    except Resolver404:
        return None
    return match.route, *(str(match.kwargs[key]) for key in KINDS if key in match.kwargs)


def crawl(fetch, starts):
    """Return the first address of each route and kind that leads to a page, in the order of finding.

    ``fetch(address) -> (html, where it leads)``: "" for what is no HTML, None for what leads nowhere else.
    """
    seen, pages, waiting = set(), {}, list(starts)
    while waiting:
        address = waiting.pop(0)
        route = route_of(address)
        if route is None or route in seen or not address.startswith(WITHIN):
            continue
        seen.add(route)
        html, elsewhere = fetch(address)
        page = Page(html)
        if elsewhere is not None:
            page.links.append(elsewhere)
        elif page.is_whole:
            pages[route] = address
        waiting += filter(None, (_here(address, link) for link in page.links))
    return pages


def _here(address, link):
    """Return what a link means on this site, "" where it leads away."""
    there = urlsplit(urljoin(f"http://here{address}", link))
    return there._replace(scheme="", netloc="", fragment="").geturl() * (there.netloc == "here")
