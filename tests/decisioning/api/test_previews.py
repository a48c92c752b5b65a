"""A preview's token shows a change before it is published, reserves nothing, and is told apart in the log."""

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from campaigns.previews import MOST_ACTIVE
from consent import people
from decisioning.api.process import this_process
from decisioning.decision_log import archive
from decisioning.held import hold
from decisioning.holder import ReleaseHolder
from decisioning.messages import row_decoder
from decisioning.models import DecisionRecord, ShownRecord
from decisioning.previews import (
    PREVIEWS_KEY,
    PreviewRefused,
    Shelf,
    drop_ended,
    drop_preview,
    put_preview,
    read_preview,
    sign_preview,
)
from decisioning.releases import WANTED_KEY, want_aggregates
from decisioning.rules.compiler import compile_release
from decisioning.specs import CapSpec
from tests.decisioning import making

NEW = (
    making.offer(
        "new-sale", purposes=(), caps=(CapSpec(scope="person", counts="decision", limit=1),)
    ),
)


def ends(days=1):
    return datetime.now(UTC) + timedelta(days=days)


def changed():
    return making.release(offers=NEW, campaigns=(making.campaign("winter", "new-sale"),))


def put(redis, *, until=None, person=""):
    """Publish a live release, lay a change beside it, and return its token."""
    making.publish(redis)
    making.publish_policy(redis)
    making.trust(redis)
    this_process().holder.poll()
    spec, until = changed(), until or ends()
    preview_id = secrets.token_hex(8)
    put_preview(redis, preview_id, spec, compile_release(spec), expires_at=until, person=person)
    return preview_id, sign_preview(preview_id, expires_at=until)


def shown(reply):
    assert reply.status == 200, reply.content
    return reply.json["placements"][0]["offers"][0]["offer"]


def logged(redis, user_id):
    key = people.decision_log_key(people.partition_of(making.person_of(user_id)))
    return [row_decoder.decode(fields[b"d"]) for _, fields in redis.xrange(key)]


def test_who_holds_the_token_sees_the_change(kept, redis):
    preview_id, token = put(redis)
    key = making.make_key(redis)

    async def ask():
        return [
            await making.decide(key),
            await making.decide(key, options={"preview": token, "explain": "reasons"}),
            await making.decide(key, options={"preview": token}),
        ]

    live, previewed, again = making.run(ask())

    assert shown(live) is None
    # A cap of one decision: nothing was reserved by the first.
    assert (shown(previewed), shown(again)) == ("new-sale", "new-sale")
    assert previewed.json["preview"] == preview_id
    assert previewed.json["release"]["version"] is None
    assert previewed.json["ttl_s"] == 0
    assert previewed.json["placements"][0]["offers"][0]["tracking_token"] is None
    assert "preview" not in live.json
    assert [row.preview for row in logged(redis, "ana")] == ["", preview_id, preview_id]
    assert not redis.exists(people.caps_key(making.person_of("ana")))


def test_a_header_names_the_preview_too(kept, redis):
    _, token = put(redis)
    origin = "https://shop.example"
    browser = making.make_key(redis, kind="browser", origins=frozenset({origin}))

    async def ask():
        body = {
            "person": {"anonymous_id": "0" * 32},
            "placements": [{"key": "web.home.hero"}],
            "options": {"explain": "reasons"},
        }
        headers = {"X-RTTS-Preview": token, "Origin": origin}
        return await making.call("POST", "/v1/decisions", body, key=browser, headers=headers)

    assert shown(making.run(ask())) == "new-sale"


def test_a_preview_is_kept_out_of_what_is_counted(db, kept, redis):
    preview_id, token = put(redis)
    key = making.make_key(redis)

    async def ask():
        return await making.decide(key, options={"preview": token})

    decision_id = making.run(ask()).json["decision_id"]
    archive(redis, range(people.PARTITIONS))

    record = DecisionRecord.objects.get()
    assert (record.decision_id, record.preview, record.state) == (
        decision_id,
        preview_id,
        "preview",
    )
    assert not ShownRecord.objects.exists()


@pytest.mark.parametrize("token", ["rubbish", "rtts_pv_", "rtts_pv_" + "A" * 39, "ü"])
def test_a_forged_token_is_refused_in_words(kept, redis, token):
    put(redis)
    key = making.make_key(redis)

    async def ask():
        return await making.decide(key, options={"preview": token})

    reply = making.run(ask())

    assert reply.status == 403
    assert reply.json["errors"][0]["pointer"] == "/options/preview"
    assert "copy it from the change's page" in reply.json["detail"]


def test_a_preview_ends_is_revoked_and_may_be_for_one_person(kept, redis):
    put_id, token = put(redis)
    key = making.make_key(redis)
    only = secrets.token_hex(8)
    spec, until = changed(), ends()
    put_preview(
        redis,
        only,
        spec,
        compile_release(spec),
        expires_at=until,
        person=making.person_of("ana"),
    )

    async def ask(user, token):
        return await making.decide(key, user, options={"preview": token})

    ended = sign_preview(put_id, expires_at=ends(days=-1))
    bound = sign_preview(only, expires_at=until)
    over = making.run(ask("ana", ended))
    other, own = making.run(ask("ben", bound)), making.run(ask("ana", bound))
    making.run(ask("ana", token))
    drop_preview(redis, put_id)
    this_process().holder.previews.refresh()
    revoked = making.run(ask("ana", token))

    assert (over.status, other.status, revoked.status) == (403, 403, 403)
    assert "ended" in over.json["detail"]
    assert "one test person" in other.json["detail"]
    assert "revoked" in revoked.json["detail"]
    assert shown(own) == "new-sale"


def test_what_was_altered_is_not_shown(kept, redis):
    preview_id, token = put(redis)
    sealed = redis.hget(PREVIEWS_KEY, preview_id)
    redis.hset(
        PREVIEWS_KEY, preview_id, sealed.replace(b"expires_at_ms", b"expires_at_ms", 1)[:-1] + b"x"
    )
    key = making.make_key(redis)

    async def ask():
        return await making.decide(key, options={"preview": token})

    assert making.run(ask()).status in (403, 503)


def test_loading_a_preview_holds_up_nothing_else(kept, redis, monkeypatch):
    preview_id, _token = put(redis)
    let_go, began = threading.Event(), threading.Event()

    def slowly(verified):
        began.set()
        assert let_go.wait(10)
        return hold(verified)

    monkeypatch.setattr("decisioning.previews.hold", slowly)
    holder = ReleaseHolder(redis, settings.RTTS_VAR / "slow")
    holder.start()
    try:
        assert holder.previews.find(preview_id) is None
        assert began.wait(5)
        making.publish(redis, changed(), version=2)
        waited = time.monotonic()
        while holder.current.held.version != 2 and time.monotonic() - waited < 3:
            time.sleep(0.02)
        assert holder.current.held.version == 2
        assert holder.previews.find(preview_id) is None
    finally:
        let_go.set()
        holder.stop()


def test_none_of_the_previews_in_use_displaces_another(kept, redis):
    spec, until = changed(), ends()
    artifact = compile_release(spec)
    shelf = Shelf(redis)
    asked = [f"{number:016x}" for number in range(MOST_ACTIVE)]
    for preview_id in asked:
        put_preview(redis, preview_id, spec, artifact, expires_at=until)
        shelf.find(preview_id)
    shelf.refresh()
    first = [shelf.find(preview_id) for preview_id in asked]
    shelf.refresh()

    assert all(first)
    assert all(shelf.find(one) is known for one, known in zip(asked, first, strict=True))


def test_previews_whose_time_has_come_are_taken_away(redis):
    put_id, _ = put(redis, until=ends(days=1))

    assert drop_ended(redis, now=datetime.now(UTC)) == 0
    assert drop_ended(redis, now=ends(days=2)) == 1
    assert not redis.hexists(PREVIEWS_KEY, put_id)


def test_publishing_keeps_what_a_preview_counts(redis):
    put(redis)
    spec = changed()
    from decisioning.rules.canonical import digest

    want_aggregates(redis, digest(spec), ())
    want_aggregates(redis, "sha256:stale", ())
    making.publish(redis, making.release(holdout_share=0.1), version=2)

    assert redis.hexists(WANTED_KEY, digest(spec))
    assert not redis.hexists(WANTED_KEY, "sha256:stale")


def test_a_token_says_which_preview_until_when():
    until = ends()

    assert (
        read_preview(sign_preview("00ff" * 4, expires_at=until), now=datetime.now(UTC))
        == "00ff" * 4
    )
    with pytest.raises(PreviewRefused):
        read_preview(sign_preview("00ff" * 4, expires_at=until), now=until + timedelta(seconds=1))
