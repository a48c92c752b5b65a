"""What the ledger is told each day of the decisions that were archived; see `consent.proof.days`."""

from typing import Final

from consent.proof.days import Log
from consent.proof.facts import LOG_DIGEST

# All but the state, which says later that the fallback was shown. A body begins with the id of its key.
_PARTS: Final = """
select case when length(body) < 16 then '00000000-0000-0000-0000-000000000000'
    else encode(substring(body from 1 for 16), 'hex')::uuid end,
  count(*), sha256(string_agg(sha256(convert_to(jsonb_build_array(
    decision_id, nonce, (extract(epoch from decided_at) * 1000000)::bigint, person_id, release_version, release_digest,
    canary, policy_version, policy_digest, consent_version, degraded, took_ms, preview
  )::text, 'UTF8') || body), ''::bytea order by decision_id))
from decisioning_decision where archived_at >= %s and archived_at < %s group by 1
"""
DECISIONS: Final = Log(LOG_DIGEST, "select min(archived_at) from decisioning_decision", _PARTS)
