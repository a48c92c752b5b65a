"""The only place that names the product's metrics; a name says what is counted and in which unit."""

from prometheus_client import Counter, Gauge, Histogram

FAST_SECONDS = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1.0, 5.0,
)  # fmt: skip

HTTP_REQUESTS = Counter("rtts_http_requests", "Answers of the fast paths.", ["path", "status"])
HTTP_SECONDS = Histogram(
    "rtts_http_request_seconds", "Time to answer on the fast paths.", ["path"], buckets=FAST_SECONDS
)
DECISIONS = Counter("rtts_decisions", "Placements answered, by status.", ["status"])
DECISION_SECONDS = Histogram(
    "rtts_decision_seconds", "Time to decide, without HTTP.", buckets=FAST_SECONDS
)
DEGRADED = Counter("rtts_degraded", "Decisions answered without a part.", ["part"])
EVENTS = Counter("rtts_events", "Events by what became of them at intake.", ["result"])
FOLDED = Counter("rtts_events_folded", "Records applied to profiles.")
SET_ASIDE = Counter("rtts_archive_set_aside", "Log entries that PostgreSQL cannot hold.")
FOLD_LAG_SECONDS = Gauge(
    "rtts_fold_lag_seconds", "Age of the oldest record not yet applied.", ["group"]
)
RELEASE_VERSION = Gauge("rtts_release_version", "Version of the live release in this process.")
POLICY_VERSION = Gauge("rtts_policy_version", "Version of the live policy in this process.")
BREAKER_OPEN = Gauge(
    "rtts_redis_breaker_open", "1 while calls to Redis are not even tried.", ["caller"]
)
CONSENT_CHANGES = Counter("rtts_consent_changes", "Consent changes by outcome.", ["result"])
TURNED_AWAY = Counter("rtts_erased_turned_away", "What came late for somebody erased.", ["what"])
LEDGER_SEALED = Counter("rtts_ledger_sealed", "Entries of the consent ledger that got their leaf.")
LEDGER_LAG_SECONDS = Gauge(
    "rtts_ledger_lag_seconds", "Age of the oldest entry of the consent ledger without a leaf."
)
FENCES = Gauge("rtts_consent_fences", "People whose consent change is on its way.")
