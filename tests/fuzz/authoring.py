"""Every authoring address: how it is asked, what its form has when it is sound, and what a test sends instead."""

from dataclasses import dataclass, field

from django.urls import URLPattern, get_resolver

from campaigns.models import PROXIES, Event
from campaigns.models.items import Kind

WORKFLOW = ("submit", "approve", "send-back", "publish", "discard", "switch", "take-out", "rename")
LISTS = tuple(model._meta.label_lower for model in PROXIES.values())
ACTS = ("tag", "untag", "archive", "restore", "copy", "purpose", "move", "dates", "no-such-act")


@dataclass(frozen=True, slots=True)
class Odd:
    """One address: `args` name the kinds of its arguments, `fields` a sound form, `query` a sound query."""

    args: tuple[str, ...] = ()
    fields: dict[str, list[str]] | None = None  # None: it is read only
    query: dict[str, list[str]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    quiet: str = ""  # why an accepted post needs no word


def _form(**fields):
    return {name: value if isinstance(value, list) else [value] for name, value in fields.items()}


FRAGMENT = "it answers with the fragment itself"
WEBHOOK = _form(name="Chat", url="https://hooks.example/b", events=[*Event.values], is_active="on")
DESTINATION = _form(
    name="CRM",
    key="crm-b",
    kind="webhook",
    url="https://hooks.example/c",
    wants=["segments", "decisions"],
    segments=["gold"],
    share="0.5",
    sender="shop@shop.example",
    recipient="email",
    is_active="on",
)
MAPPED = _form(
    call="track",
    event="Order",
    zone="Europe/Berlin",
    comma="on",
    id_prefix="shop:",
    **{
        "rules-TOTAL_FORMS": "1",
        "rules-INITIAL_FORMS": "1",
        "rules-0-column": "customer",
        "rules-0-target": "user_id",
        "rules-0-named": "total",
        "rules-0-cast": "text",
        "rules-0-unit": "cents_to_units",
        "rules-0-currency": "USD",
        "rules-0-to_currency": "EUR",
        "rules-0-rate": "fx",
        "rules-0-form": "%d.%m.%Y",
        "rules-0-separator": ",",
        "rules-0-default": "x",
        "rules-0-required": "on",
    },
)
SOURCE = _form(
    name="Shop",
    key="shop-b",
    url="https://shop.example/orders?since={since}",
    every_s="3600",
    per_minute="60",
    rows="data.items",
    paging="cursor",
    parameter="after",
    first_page="1",
    path="paging.after",
    since="at",
    begin="2026-01-01",
    auth="client_credentials",
    header="X-Key",
    token_url="https://shop.example/token",
    client_id="app",
    scope="read",
    client_secret="s",
    proof="hmac",
    encoding="hex",
    before="sha256=",
    signing="s",
)
SAID = _form(text="Is that so?", item="", field="eligibility", answers="")
ASKED = _form(
    who="made-up",
    person="user:ann",
    dice="0" * 32,
    under="",
    channel="web",
    placements=["web.hero"],
    at="2027-01-01T10:00",
    zone="Europe/Berlin",
    gpc="on",
    tcf="CPXxRfA",
    gpp="DBAA",
    **{"consent-ads": "allow", "fact-tier": "gold", "fact-spend": "12.5"},
)
RULE = _form(kind="offer", approvers="2", role="", above_people="10000")

ADDRESSES = {
    "admin:rtts-search": Odd(fields=_form(q="gold"), query=_form(q="gold")),
    "admin:rtts-simulator": Odd(fields=ASKED, query=ASKED),
    "admin:rtts-simulator-fields": Odd(fields=ASKED, quiet=FRAGMENT),
    "admin:rtts-people": Odd(fields=_form(person="user:ann"), query=_form(who="x")),
    "admin:rtts-people-part": Odd(fields=_form(person="user:ann", why="a guest"), query={}),
    "admin:rtts-viewers": Odd(("key",), query=_form(mine="1")),
    "admin:rtts-previews": Odd(
        ("change",),
        _form(note="Design", lasts="24", address="https://shop.example/?a=1#b", person="user:a"),
    ),
    "admin:rtts-preview-step": Odd(("preview", "preview_step"), {}),
    "admin:rtts-change-attention": Odd(("change",)),
    "admin:rtts-change-look": Odd(("change",), {}),
    "admin:rtts-review": Odd(query=_form(state="draft", author="mia", kind="offer", query="a")),
    "admin:rtts-change-new": Odd(fields=_form(title="Spring")),
    "admin:rtts-change": Odd(("change",)),
    "admin:rtts-effect": Odd(("change",)),
    "admin:rtts-consent-effect": Odd(("change",)),
    "admin:rtts-say": Odd(("change",), SAID),
    "admin:rtts-change-export": Odd(("change",)),
    "admin:rtts-change-step": Odd(
        ("change", "step"), _form(text="Fine", title="Spring", item="1", digest="sha256:0")
    ),
    "admin:rtts-resolve": Odd(("comment",), _form(open="1", item="")),
    "admin:rtts-release": Odd(("release",)),
    "admin:rtts-roll-back": Odd(("release",), _form(why="Complaints")),
    "admin:rtts-job": Odd(("job",)),
    "admin:rtts-item": Odd(("item",)),
    "admin:rtts-history": Odd(
        ("subject", "item"),
        query=_form(who="mia", since="2026-01-01", until="2026-12-31", format="csv"),
    ),
    "admin:rtts-notices": Odd(query=_form(show="unread")),
    "admin:rtts-notices-read": Odd(fields=_form(notice="1"), quiet="it leads to what is read"),
    "admin:rtts-notices-choose": Odd(fields=_form(event=[*Event.values])),
    "admin:rtts-webhooks": Odd(fields=WEBHOOK),
    "admin:rtts-webhook": Odd(("webhook",), WEBHOOK),
    "admin:rtts-webhook-rotate": Odd(("webhook",), {}),
    "admin:rtts-webhook-test": Odd(("webhook",), {}),
    "admin:rtts-webhook-remove": Odd(("webhook",), {}),
    "admin:rtts-delivery-again": Odd(("delivery",), {}),
    "admin:rtts-destinations": Odd(fields=DESTINATION),
    "admin:rtts-destination": Odd(("destination",), DESTINATION),
    "admin:rtts-destination-rotate": Odd(("destination",), {}),
    "admin:rtts-destination-test": Odd(("destination",), {}),
    "admin:rtts-destination-remove": Odd(("destination",), {}),
    "admin:rtts-sending-again": Odd(("sending",), {}),
    "admin:rtts-member-exports": Odd(
        fields=_form(
            segment="gold",
            purpose="ads",
            channel="web",
            namespaces=["user", "crm"],
            format="csv",
            why="Newsletter",
        )
    ),
    "admin:rtts-member-cancel": Odd(("export",), {}),
    "admin:rtts-member-file": Odd(("export",)),
    "admin:rtts-connections": Odd(),
    "admin:rtts-import-new": Odd(
        fields=_form(preset="messages"), files=("file",), quiet="it leads to the page of the file"
    ),
    "admin:rtts-events-import": Odd(
        ("rows",), MAPPED, query=_form(preset="shopify-orders"), quiet="its page says its state"
    ),
    "admin:rtts-import-preview": Odd(("rows",), MAPPED, quiet=FRAGMENT),
    "admin:rtts-events-import-progress": Odd(("rows",)),
    "admin:rtts-import-rows-refused": Odd(("rows",)),
    "admin:rtts-import-cancel": Odd(("rows",), {}),
    "admin:rtts-source-new": Odd(
        ("source_kind",),
        SOURCE,
        query=_form(preset="hubspot-contacts"),
        quiet="it leads to the page of the source",
    ),
    "admin:rtts-source": Odd(("connected",), SOURCE | MAPPED),
    "admin:rtts-source-preview": Odd(("connected",), MAPPED, quiet=FRAGMENT),
    "admin:rtts-source-step": Odd(("connected", "source_step"), _form(body='{"customer": 1}')),
    "admin:rtts-stops": Odd(fields=_form(item="1", why="Wrong price"), query=_form(item="1")),
    "admin:rtts-stop-lift": Odd(("stop",), _form(why="Right again")),
    "admin:rtts-bulk": Odd(
        ("kind", "act"),
        _form(
            things="1,2,3",
            step="do",
            shown="0",
            tags="Winter, Q4",
            purpose="ads",
            campaign="winter",
            zone="Europe/Berlin",
            starts_at="2027-01-01T10:00",
            ends_at="2027-02-01T10:00",
            no_starts_at="",
            no_ends_at="",
        ),
    ),
    "admin:rtts-clone": Odd(("item",), {}),
    "admin:rtts-tags": Odd(("item",), _form(tags="Winter, Q4")),
    "admin:rtts-filter-keep": Odd(
        ("list",), _form(name="Mine", query="state=live&q=a", on_home="on")
    ),
    "admin:rtts-columns": Odd(
        ("list",), _form(columns=["state", "tags"], query="q=a"), quiet="the list shows them"
    ),
    "admin:rtts-filter-edit": Odd(
        ("list", "filter"), _form(on_home="on", drop="1"), quiet="the list shows it"
    ),
    "admin:rtts-export": Odd(("list",), query=_form(q="a", state="live", tag="x", o="1", p="1")),
    "admin:rtts-import-read": Odd(("import",)),
    "admin:rtts-import-accept": Odd(("import",), {}, quiet="the page of the file says its state"),
    "admin:rtts-import-progress": Odd(("import",)),
    "admin:rtts-import": Odd(("kind",), {}, files=("file",), quiet="its page says what is read"),
    "admin:rtts-row": Odd(
        ("kind", "field"), query={"variants-TOTAL_FORMS": ["1"], "caps-TOTAL_FORMS": ["1"]}
    ),
    "admin:rtts-seen": Odd(),
    "admin:rtts-seen-event": Odd(fields=_form(event="Wished")),
    "admin:rtts-seen-attribute": Odd(fields=_form(key="city")),
    "admin:rtts-rights": Odd(fields=_form(kind="access", person="user:ann", jurisdiction="DE")),
    "admin:rtts-register": Odd(query=_form(**{"as": "csv"})),
    "admin:rtts-compliance": Odd(
        fields=_form(person="user:c-1"), quiet="it leads to the person's records"
    ),
    "admin:rtts-timeline": Odd(("person",), query=_form(kind="said")),
    "admin:rtts-covered": Odd(("decision",)),
    "admin:rtts-lag": Odd(),
    "admin:rtts-drills": Odd(),
    "admin:rtts-lineage": Odd(),
    "admin:rtts-what-if": Odd(
        fields=_form(purpose="ads"), query=_form(purpose="ads"), quiet="it leads to the answer"
    ),
    "admin:rtts-crowd": Odd(fields=_form(question="standings:ads")),
    "admin:rtts-drill-now": Odd(fields={}),
    "admin:rtts-quality": Odd(query=_form(source="shop", event="Order Completed")),
    "admin:rtts-quality-reconcile": Odd(fields={}),
    "admin:rtts-debugger": Odd(query=_form(source="1")),
    "admin:rtts-debugger-rows": Odd(("source",), query=_form(since="1763-0")),
    "admin:rtts-quarantine": Odd(),
    "admin:rtts-enrichment": Odd(
        fields=_form(event='{"type": "track"}', headers="save-data: on"),
        quiet="it says what it did",
    ),
    "admin:rtts-enrichment-steps": Odd(fields=_form(on=["device"], **{"place-device": "1"})),
    "admin:rtts-enrichment-fields": Odd(
        fields=_form(
            undeclared="hash",
            hashed="income",
            **{
                f"{name}-{count}_FORMS": "0"
                for name in ("fences", "providers", "event_days", "attribute_days")
                for count in ("TOTAL", "INITIAL")
            },
        )
    ),
    "admin:rtts-enrichment-terms": Odd(fields=_form(terms='{"undeclared": "hash"}')),
    "admin:rtts-enrichment-products": Odd(fields={}, files=("file",)),
    "admin:rtts-quarantine-act": Odd(
        fields=_form(event="Order", pointer="/properties/total", verb="replay", why="Mended")
    ),
    "admin:rtts-start": Odd(),
    "admin:rtts-pack": Odd(("pack",), {}),
    "admin:rtts-token": Odd(),
    "admin:rtts-content-preview": Odd(
        fields=_form(key="a", **{"variants-TOTAL_FORMS": "1"}), quiet=FRAGMENT
    ),
    "admin:rtts-pictures": Odd(fields={}, query=_form(p="1", unused="1"), files=("picture",)),
    "admin:rtts-picture-remove": Odd(("picture",), {}),
    "admin:rtts-picture-field": Odd(("field",), {}, _form(sha256="0" * 64), files=("f-upload",)),
    "admin:rtts-attention": Odd(query=_form(notes="1", page="1")),
    "admin:rtts-attention-dismiss": Odd(
        fields=_form(mark="0" * 32, reason="Known", **{"from": "home"})
    ),
    "admin:rtts-attention-back": Odd(fields=_form(mark="0" * 32), quiet="the list shows it"),
    "admin:rtts-calendar": Odd(
        query=_form(day="2027-03-28", step="week", zone="Europe/Berlin", channel="web", under="1")
    ),
    "admin:rtts-reports": Odd(query=_form(days="7")),
    "admin:rtts-report": Odd(("kind", "key"), query=_form(days="7")),
    "admin:rtts-connect": Odd(
        fields=_form(
            name="Shop",
            kind="browser",
            scopes=["decisions", "events"],
            origins="https://shop.example",
            placements=["web.hero"],
        )
    ),
    "admin:rtts-key-rotate": Odd(("api_key",), {}),
    "admin:rtts-key-revoke": Odd(("api_key",), {}),
    "admin:rtts-count": Odd(fields={"rb": ["rule"], "rule-node": ["1::group"]}),
    "admin:rtts-count-progress": Odd(("count",), query=_form(name="rule")),
    "admin:rtts-count-cancel": Odd(("count",), _form(name="rule")),
    "admin:rtts-audience": Odd(("item",)),
    "admin:rule-builder-measured": Odd(("measuring",), query=_form(prefix="rule-2-")),
    **{
        f"admin:campaigns_{model._meta.model_name}_changelist": Odd(
            fields=_form(action="tag", _selected_action=["1"], select_across="0", index="0"),
            query=_form(q="gold", state="live", tag="x", o="1.-2", p="1", all="1", e="1"),
            quiet="it answers with the page of the act, or says that nothing is chosen",
        )
        for model in PROXIES.values()
    },
    "admin:campaigns_approvalrule_add": Odd(fields=RULE),
    "admin:campaigns_approvalrule_change": Odd(("rule",), RULE),
    "admin:campaigns_approvalrule_delete": Odd(("rule",), _form(post="yes")),
    **{
        f"admin:campaigns_{name}_changelist": Odd(query=_form(q="a", o="1", p="1", all="1"))
        for name in ("change", "release", "approvalrule")
    },
}
# Argument -> what may stand there beside the ids of the world.
WORDS = {
    "step": WORKFLOW,
    "source_kind": ("poll", "hook", "no-such-kind"),
    "source_step": ("resume", "pause", "run", "sample", "no-such-step"),
    "preview_step": ("renew", "revoke"),
    "subject": ("item", "change", "rule", "webhook", "key", "user", "no-such-subject"),
    "kind": tuple(Kind.values),
    "plural": ("segments", "offers", "campaigns", "attributes", "no-such-kind"),
    "act": ACTS,
    "list": (*LISTS, "campaigns.change", "campaigns.release", "auth.user", "no.such"),
    "field": ("variants", "caps", "hours", "properties", "arms", "f", "name"),
    "pack": ("shop", "news", "no-such-pack"),
    "person": ("p001000000000000000000ff", "p999000000000000000000ff"),
    "decision": ("d-001-1763000000000-0-0123456789abcdef",),
    "source": ("shop", "00000000-0000-0000-0000-000000000001"),
}


SEGMENT = {
    "key": "bronze",
    "name": "Bronze",
    "condition": {
        "all": [
            {"attribute": "tier", "is": "any_of", "value": ["gold", "silver"]},
            {"any": [{"attribute": "spend", "is": "gte", "value": 12.5}, {"segment": "gold"}]},
            {
                "event": "Order Completed",
                "count": {"is": "gte", "value": 2},
                "within": "30d",
                "where": {"all": [{"attribute": "total", "is": "gt", "value": 3}]},
            },
        ]
    },
}
OFFER = {
    "key": "spring-sale",
    "name": "Spring sale",
    "purposes": ["ads"],
    "eligibility": {"all": [{"segment": "gold"}]},
    "starts_at": "2027-01-01T10:00:00Z",
    "ends_at": "2027-02-01T10:00:00+01:00",
    "priority": 3,
    "caps": [{"limit": 3, "window_s": 86400}],
    "variants": [
        {
            "key": "a",
            "placements": ["web.hero"],
            "content_type": "application/json",
            "content": {"headline": "Spring {{ person.tier | default: 'sale' }}"},
        }
    ],
}
CAMPAIGN = {
    "key": "spring",
    "name": "Spring",
    "offers": ["winter-sale"],
    "goal_event": "Order Completed",
    "starts_at": "2027-01-01T10:00:00Z",
    "holdout_share": 0.1,
}
BODIES = {"segments": SEGMENT, "offers": OFFER, "campaigns": CAMPAIGN}
SAVED = {"body": SEGMENT, "why": "Spring", "description": "For spring", "time_zone": "UTC"}
STEP = {"digest": "sha256:0", "text": "Fine"}
WHY = {"why": "Complaints"}
API = {  # address -> arguments, and a sound body for each method that takes one
    "rtts-api-changes": ((), {"post": {"title": "Spring"}}),
    "rtts-api-change": (("change",), {"put": {"title": "Spring"}}),
    **{
        f"rtts-api-{step}": (("change",), {"post": STEP})
        for step in ("submit", "approve", "send-back", "discard", "publish")
    },
    "rtts-api-comments": (
        ("change",),
        {
            "post": {
                "text": "Why?",
                "answers": 1,
                "thing": {"kind": "segments", "key": "gold"},
                "field": "condition",
            }
        },
    ),
    "rtts-api-resolve": (("comment",), {"post": {"open": True}}),
    "rtts-api-change-export": (("change",), {}),
    "rtts-api-export": ((), {}),
    "rtts-api-import": (
        (),
        {
            "post": {
                "title": "All of it",
                "dry_run": True,
                "document": {
                    "format": "rtts-export-1",
                    "things": [{"kind": "segment", "key": "bronze", "body": SEGMENT}],
                },
            }
        },
    ),
    "rtts-api-releases": ((), {}),
    "rtts-api-release": (("release",), {}),
    "rtts-api-roll-back": (("release",), {"post": WHY}),
    "rtts-api-report": (("kind", "key"), {}),
    "rtts-api-items": (("plural",), {"post": SAVED}),
    "rtts-api-item": (("plural", "key"), {"put": SAVED, "delete": WHY}),
    "rtts-api-withdraw": (("plural", "key"), {"post": WHY}),
    "rtts-api-stop": (("plural", "key"), {"post": WHY}),
    "rtts-api-lift": (("plural", "key"), {"post": WHY}),
}
EXEMPT = {  # what an address begins with -> why no test here sends it anything
    "admin:-": "Django's own: leads on to the form, or answers that nothing is there",
    "admin:app_list": "reads nothing of a request",
    "admin:rtts-rights-": "of one request, after it was taken in; in campaigns/rights/test_pages",
    "admin:rtts-capsule": "proof under hold; in campaigns/rights/test_pages",
    "admin:autocomplete": "no field of ours asks it",
    "admin:index": "reads nothing of a request",
    "admin:jsi18n": "Django's own words",
    "admin:log": "Django's own signing in and out",
    "admin:password_change": "Django's own",
    "admin:view_on_site": "no model of ours has a site",
    "rtts-api-docs": "reads nothing of a request",
    "rtts-api-schema": "reads nothing of a request",
    "admin:auth_": "accounts are not authored; their forms are in test_forms",
    "admin:consent_": "records of consent are not authored; their forms are in test_forms",
    "admin:decisioning_": "decisions are records, read only",
    "admin:rtts-decision": "decisions are records, read only",
}


def exempt(name):
    """Say whether an address needs no test here; EXEMPT and this say why."""
    # Of authored things: history leads on to admin:rtts-history, nobody may delete, and records are read only.
    ending = name.startswith("admin:campaigns_") and name.endswith(("_history", "_delete"))
    record = name.startswith(("admin:campaigns_change_", "admin:campaigns_release_"))
    return ending or record or name.startswith(tuple(EXEMPT))


def authoring():
    """Return the names of all addresses of the admin, and those of the management API, without repeats."""
    return sorted(
        {name for name in _names(get_resolver()) if name.startswith(("admin:", "rtts-api"))}
    )


def _names(resolver, spaces=()):
    for one in resolver.url_patterns:
        if isinstance(one, URLPattern):
            yield ":".join([*spaces, one.name or "-"])
        else:
            yield from _names(one, (*spaces, one.namespace) if one.namespace else spaces)
