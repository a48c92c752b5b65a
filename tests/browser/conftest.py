"""A real Chromium, pages that note what a strict policy forbids, and sign-in by role."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

# What htmx writes where a newer request takes the place of one under way, as it is told to.
OVERTAKEN = ("htmx:afterRequest, ", "htmx:sendAbort, ")
PATIENCE_MS = 30_000  # also on a machine that has much else to do
LIGHT = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}


@pytest.fixture(scope="session")
def chromium(chromium_path):
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


class Visitor:
    """Somebody at a page; notes errors of the console and requests to anywhere else."""

    def __init__(self, context, base_url):
        self.page = context.new_page()
        self.base_url = base_url
        self.errors = []
        self.outside = []
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note_request)

    def _note(self, message):
        if message.type in ("error", "warning") and not message.text.startswith(OVERTAKEN):
            self.errors.append(f"{message.text} {message.location['url']}".strip())

    def _note_request(self, request):
        if not request.url.startswith((self.base_url, "data:")):
            self.outside.append(request.url)

    def open(self, path):
        return self.page.goto(self.base_url + path)

    def sign_in(self, user, password):
        self.open("/admin/login/")
        self.page.get_by_label("User name").fill(user)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", level=1, name="Good").wait_for()


@pytest.fixture(scope="session")
def states():
    """Return the cookies of roles that have signed in, by role."""
    return {}


@pytest.fixture(scope="session")
def visit(stack, chromium, states):
    """Return a context manager: ``with visit("marketer") as visitor``."""

    @contextmanager
    def opened(role, **options):
        context = chromium.new_context(**(LIGHT | options), storage_state=states.get(role))
        visitor = Visitor(context, stack.base_url)
        if role not in states:
            visitor.sign_in(*stack.sign_in(role))
            states[role] = context.storage_state()
        yield visitor
        context.close()
        assert visitor.outside == []

    return opened
