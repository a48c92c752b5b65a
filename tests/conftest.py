"""Servers, stores and processes that tests share; every session has its own, under a directory of its own."""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

VAR = Path(tempfile.mkdtemp(prefix="rtts-test-"))

# Before Django reads its settings.
for _name in ("DATABASE_URL", "RTTS_OWNER_DATABASE_URL", "REDIS_URL", "RTTS_BROKER_URL"):
    os.environ.pop(_name, None)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "rtts_site.settings",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # Playwright's loop runs in the thread of the test
    "RTTS_VAR": str(VAR),
    "RTTS_SECRET_KEY": "for tests only, and long enough to be taken for a real secret key",
    "RTTS_HTTPS": "0",
    "RTTS_REDIS_TIMEOUT_MS": "5000",  # a busy machine may hold a process up for seconds
    "RTTS_DEADLINE_MS": "10000",
    "PYTHONDONTWRITEBYTECODE": "",  # a product's processes read what the first has compiled
    "RTTS_ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
}

import django  # noqa: E402
import hypothesis  # noqa: E402
import pytest  # noqa: E402
from xdist.scheduler import LoadFileScheduling  # noqa: E402

# The gate draws the same examples each time, however busy the machine is; `make verify` searches for new ones.
hypothesis.settings.register_profile(
    "gate",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "search", hypothesis.settings.get_profile("gate"), derandomize=False
)
hypothesis.settings.load_profile("gate")

django.setup()
# Workers of the test run inherit the environment and would read the settings before this file.
del os.environ["DJANGO_SETTINGS_MODULE"]

from django.conf import settings  # noqa: E402

from rtts_site import embedded  # noqa: E402
from rtts_site.foundation.redis_clients import redis_client  # noqa: E402
from tests import prepared, product, programs  # noqa: E402


@atexit.register
def _remove_everything():
    for server in (embedded.POSTGRES, embedded.REDIS):
        if (VAR / server.name).exists():
            embedded.stop(server, VAR)
    shutil.rmtree(VAR, ignore_errors=True)


SHARING = {  # files that share a running product: one worker runs them one after the other, before all else
    "tests/test_main_path.py": "stack",
    "tests/consent/test_withdrawal_over_http.py": "stack",
    "tests/campaigns/compliance/test_drill.py": "stack",
    "tests/browser/test_analytics_js.py": "bare_stack",
    "tests/clients/test_event_clients.py": "bare_stack",
    "tests/clients/test_openfeature.py": "bare_stack",
    "tests/rtts_site/test_stack.py": "bare_stack",
}
PRODUCTS = ("stack", "bare_stack")


class BySharedProduct(LoadFileScheduling):
    """Gives a worker a file, or all files that share a product."""

    def _split_scope(self, nodeid):
        path = super()._split_scope(nodeid)
        return SHARING.get(path, path)


def pytest_xdist_make_scheduler(config, log):
    return BySharedProduct(config, log)


def product_of(item):
    """Return the product that a test shares, None for none."""
    used = [name for name in PRODUCTS if name in getattr(item, "fixturenames", ())]
    return used[0] if used else SHARING.get(item.location[0])


@pytest.hookimpl(trylast=True)  # after pytest-django, which puts tests of the database first
def pytest_collection_modifyitems(items):
    """Let what shares a product come first, and files of tests that commit last: others find the stores empty."""
    committing = {item.location[0] for item in items if "real_commits" in item.fixturenames}
    order = [*PRODUCTS, None]
    items.sort(key=lambda item: (order.index(product_of(item)), item.location[0] in committing))


def pytest_runtest_setup(item):
    """Fail a test that would start one more product beside the one that others share."""
    path = item.location[0]
    if hasattr(item.config, "workerinput") and product_of(item) and path not in SHARING:
        pytest.fail(f"SHARING must say which product {path} uses.", pytrace=False)


_running = ExitStack()  # the product that tests share


@pytest.hookimpl(trylast=True)  # after the fixtures that use it
def pytest_runtest_teardown(item, nextitem):
    """End a shared product with its last test: it would go on working beside the others."""
    if nextitem is None or product_of(nextitem) != product_of(item):
        _running.close()


@pytest.fixture(scope="session")
def postgres():
    prepared.place_database(VAR)
    embedded.start(embedded.POSTGRES, VAR, dies_with_parent=True)


@pytest.fixture(scope="session")
def django_db_setup(postgres):
    """Leave the database as the owner migrated it; tests work as the runtime role, as the product does."""


@pytest.fixture(scope="session")
def real_commits(django_db_setup, django_db_blocker):
    """Return what lets a block commit, for what must hold across connections; what it writes stays."""
    return django_db_blocker.unblock


@pytest.fixture
def committed(real_commits):
    """Let a test and its threads commit; what they write stays, so each has people of its own."""
    with real_commits():
        yield


@pytest.fixture(scope="session")
def redis_server():
    embedded.start(embedded.REDIS, VAR, dies_with_parent=True)


@pytest.fixture
def redis(redis_server):
    """Return a client of the session's Valkey; its databases are emptied before the test."""
    client = redis_client()
    client.flushall()
    return client


@pytest.fixture
def redis_url(redis):
    return settings.REDIS_URL


@pytest.fixture(scope="session")
def stack():
    """Return the running product with demo data, shared by the session; stop nothing in it."""
    return _running.enter_context(product.running(demo=True))


@pytest.fixture(scope="session")
def bare_stack():
    """Return the running product without demo data, shared by the session."""
    return _running.enter_context(product.running())


@pytest.fixture(scope="session")
def chromium_path():
    return programs.chromium()


@pytest.fixture(scope="session")
def node():
    return programs.node()
