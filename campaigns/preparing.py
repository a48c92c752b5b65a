"""What a worker does between "publish" and "live": compile, test, complete aggregates, swap, tell every process."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
from django.utils.translation import gettext_noop as _  # the page that shows a job translates

from campaigns import going_live, publishing, stopping
from campaigns.candidates import live_release
from campaigns.models import Release
from campaigns.sampling import sampled_facts
from consent.policy_store import PolicyRefused, put_live
from decisioning.ingestion.backfill import BackfillStalled, backfill
from decisioning.releases import LIVE_KEY, publish_release, want_aggregates
from decisioning.rules.artifact import Artifact, decode_artifact, encode_artifact
from decisioning.rules.canonical import decode_release, digest_of
from decisioning.rules.check import self_test
from decisioning.rules.compiler import CompileError, compile_release
from decisioning.rules.membership import member_fact, remembers
from decisioning.rules.phrases import Filled
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.texts import words_of

Report = Callable[[int, int, str], None]  # done, total, what is being done
WHOLE = 100
# Where each step begins, of WHOLE.
TESTING, COMPLETING, SWAPPING = 5, 15, 95
JOB_KIND = publishing.JOB_KIND


class NotPrepared(Exception):
    """The release cannot go live; the message says why."""


REFUSALS = (NotPrepared, publishing.NotPossible, PolicyRefused, CompileError, BackfillStalled)


def prepare_release(release: Release, *, report: Report, now: Callable[[], datetime]) -> Release:
    """Take a release that is being prepared live.

    What is not a refusal may pass: nothing is live before all of it is, so the call can be made again.

    Raises:
        NotPrepared: it cannot go live, and is to be given up, so that others can be published.
    """
    client = redis_client()
    if release.state == Release.State.LIVE:  # a worker was killed after the swap
        push_live(client, now=now())
        return release
    try:
        return _prepare(client, release, report=report, now=now)
    except REFUSALS as error:
        raise NotPrepared(words_of(error)) from error


def _prepare(
    client: redis.Redis, release: Release, *, report: Report, now: Callable[[], datetime]
) -> Release:
    if release.state != Release.State.PREPARING:
        raise NotPrepared(
            Filled(
                _("{release} is {state}, not being prepared."),
                release=release,
                state=Filled(str(release.state)),
            )
        )
    spec = _approved_spec(release)
    report(0, WHOLE, _("Compiling the rules"))
    artifact = compile_release(spec)
    report(TESTING, WHOLE, _("Testing them on sampled people"))
    _test(client, artifact, spec, now=now())
    _complete(client, release, artifact, report=report)
    report(SWAPPING, WHOLE, _("Going live"))
    packed = encode_artifact(artifact)
    release.artifact, release.artifact_digest = packed, digest_of(packed)
    release.save(update_fields=["artifact", "artifact_digest"])
    live = going_live.take_live(release, now=now())
    push_live(client, now=now())
    said = Filled(_("Release {version} is live"), version=live.version)
    report(WHOLE, WHOLE, said)
    return live


def _approved_spec(release: Release) -> ReleaseSpec:
    spec = bytes(release.spec)
    if not digest_of(spec) == release.digest == release.approved_digest:
        raise NotPrepared(_("What is stored is not what was approved: submit the change again."))
    return decode_release(spec)


def _test(client: redis.Redis, artifact: Artifact, spec: ReleaseSpec, *, now: datetime) -> None:
    keys = {attribute.key for attribute in spec.attributes}
    keys |= {member_fact(segment.key) for segment in spec.segments if remembers(segment)}
    known, _population = sampled_facts(
        client,
        attributes=keys,
        aggregates=artifact.aggregates,
        now=now,
        of_accounts={one.key for one in spec.attributes if one.source == "account"},
    )
    # Nobody known at all is a person too.
    found = self_test(artifact, spec, [{}, *known.values()], now.timestamp())
    if found:
        raise NotPrepared(
            Filled(
                _("The compiled rules and their meaning differ for {rule}: nothing was published."),
                rule=found[0].rule,
            )
        )


def _complete(client: redis.Redis, release: Release, artifact: Artifact, *, report: Report) -> None:
    words = _("Completing what is counted of events")
    report(COMPLETING, WHOLE, words)

    def progress(done: int, total: int) -> None:
        share = done / total if total else 1.0
        report(COMPLETING + round(share * (SWAPPING - COMPLETING)), WHOLE, words)

    want_aggregates(client, release.digest, artifact.aggregates)
    backfill(client, artifact.aggregates, progress)


def push_live(client: redis.Redis, *, now: datetime) -> bool:
    """Give Redis the live release and policy where it has not got them; say whether it had not.

    Source of truth is PostgreSQL; a Redis that was emptied or that missed a publish is put right.
    """
    put_live(client)
    stopping.push(client)
    release = live_release()
    held: Any = client.hget(LIVE_KEY, "version")
    if release is None or release.artifact is None or int(held or 0) >= (release.version or 0):
        return False
    publish_release(
        client,
        decode_release(bytes(release.spec)),
        decode_artifact(bytes(release.artifact)),
        release.version or 0,
        approved_digest=release.approved_digest,
        now=now,
    )
    return True
