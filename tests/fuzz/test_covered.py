"""No authoring address is forgotten: each is in a table that a test here sends odd input to, or is exempt for a reason."""

import pytest

from campaigns.models import PROXIES
from tests.fuzz import test_builder
from tests.fuzz.authoring import ADDRESSES, API, EXEMPT, authoring, exempt

pytestmark = pytest.mark.fuzz

BUILDER = {f"admin:rule-builder-{name}" for name in (*test_builder.ADDRESSES, "values")}
FORMS = {  # test_item_forms
    f"admin:campaigns_{model._meta.model_name}_{verb}"
    for model in PROXIES.values()
    for verb in ("add", "change")
}


def test_every_authoring_address_is_sent_odd_input():
    missing = set(authoring()) - set(ADDRESSES) - set(API) - BUILDER - FORMS

    assert {name for name in missing if not exempt(name)} == set()


def test_tables_and_exemptions_name_addresses():
    known = authoring()

    assert (set(ADDRESSES) | set(API) | BUILDER | FORMS) - set(known) == set()
    assert [start for start in EXEMPT if not any(name.startswith(start) for name in known)] == []
