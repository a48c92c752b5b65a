"""Releases on their way into a process: verified, swapped, kept on disk, refused when altered."""

import time
from dataclasses import replace

import pytest

from decisioning.holder import ReleaseHolder
from decisioning.learning.publishing import LEARNED_KEY, VERSION_KEY
from decisioning.releases import (
    ARTIFACT_KEY,
    DISK_FILE,
    LIVE_KEY,
    ReleaseRefused,
    publish_release,
)
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import compile_release
from tests.decisioning import making
from tests.decisioning.making import NOW, offer

ONE = making.release()
TWO = making.release(offers=(offer("spring-sale"),))


@pytest.fixture
def holder(kept, tmp_path):
    made = ReleaseHolder(kept, tmp_path)
    yield made
    made.stop()
    if made.current.held:
        made.current.held.engine.close()


def test_publishing_reaches_a_running_process_within_two_seconds(kept, holder):
    making.publish(kept, ONE)
    holder.start()
    assert holder.is_ready

    own = making.publish(kept, TWO, version=2)

    end = time.monotonic() + 2
    while holder.current.held.digest != own:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert holder.current.held.version == 2


def test_a_digest_that_was_not_approved_is_not_published(kept):
    with pytest.raises(ReleaseRefused, match="not the approved"):
        publish_release(kept, ONE, compile_release(ONE), 1, approved_digest=digest(TWO), now=NOW)

    assert not kept.exists(LIVE_KEY)


def test_an_artifact_of_another_release_is_not_published(kept):
    with pytest.raises(ReleaseRefused, match="another digest"):
        publish_release(kept, ONE, compile_release(TWO), 1, approved_digest=digest(ONE), now=NOW)


def test_versions_only_move_forward(kept):
    making.publish(kept, ONE, version=5)

    with pytest.raises(ReleaseRefused, match="Release 5 is live"):
        making.publish(kept, TWO, version=5)


def test_publishing_the_same_again_changes_nothing(kept):
    making.publish(kept, ONE, version=5)
    before = kept.hgetall(LIVE_KEY)

    assert making.publish(kept, ONE, version=5) == digest(ONE)
    assert kept.hgetall(LIVE_KEY) == before


@pytest.mark.parametrize("field", ["approved_digest", "digest", "version", "artifact_sha", "seal"])
def test_a_process_refuses_what_was_altered_and_keeps_the_last_good_one(kept, holder, field):
    making.publish(kept, ONE, version=1)
    holder.poll()
    making.publish(kept, TWO, version=2)
    value = kept.hget(LIVE_KEY, field)
    kept.hset(LIVE_KEY, field, "7" if field == "version" else value[:-4] + b"0000")

    holder.poll()

    assert holder.current.held.version == 1
    assert holder.describe()["refused"]
    assert holder.is_ready


def test_a_process_refuses_an_altered_artifact(kept, holder):
    own = making.publish(kept, ONE)
    body = kept.hget(ARTIFACT_KEY + own, "artifact")
    kept.hset(ARTIFACT_KEY + own, "artifact", body.replace(b"gold", b"goId"))

    holder.poll()

    assert holder.current.held is None
    assert not holder.is_ready


def test_the_last_good_copy_on_disk_serves_without_redis(kept, holder, tmp_path):
    own = making.publish(kept, ONE)
    holder.poll()
    kept.delete(LIVE_KEY)

    other = ReleaseHolder(kept, tmp_path)
    other.load_from_disk()

    assert other.current.held.digest == own
    other.current.held.engine.close()


SPOILT = {
    "torn": lambda data: data[:-1],
    "flipped": lambda data: data[:99] + b"x" + data[100:],
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_corrupt_copy_is_refused(kept, holder, tmp_path, how):
    making.publish(kept, ONE)
    holder.poll()
    path = tmp_path / DISK_FILE
    path.write_bytes(SPOILT[how](path.read_bytes()))

    other = ReleaseHolder(kept, tmp_path)
    other.load_from_disk()

    assert other.current.held is None
    assert other.describe()["refused"]


def test_a_policy_that_cannot_be_verified_is_none(kept, holder):
    making.publish(kept, ONE)
    holder.poll()
    policy = making.publish_policy(kept, version=2)
    kept.hset(
        "policy:live", "body", kept.hget("policy:live", "body").replace(b"consent", b"c0nsent")
    )

    holder.poll()

    assert holder.current.policy is None
    assert not holder.is_ready
    assert policy.version == 2


def test_an_older_policy_is_never_taken_after_one_was_refused(kept, holder):
    making.publish(kept, ONE)
    first = making.publish_policy(kept, version=1)
    stricter = making.publish_policy(kept, version=2, purposes=making.PURPOSES[:1])
    holder.poll()
    kept.hset("policy:live", mapping={"version": 10**9, "digest": first.digest})
    holder.poll()
    assert holder.current.policy is None

    kept.delete("policy:live")
    making.publish_policy(kept, version=1)
    holder.poll()

    assert holder.current.policy == stricter


def test_a_stricter_policy_is_obeyed_whatever_else_fails(kept, tmp_path):
    (tmp_path / "file").touch()
    holder = ReleaseHolder(kept, tmp_path / "file" / "releases")  # where nothing can be written
    making.publish(kept, ONE)
    making.publish_policy(kept, version=1)
    holder.poll()
    assert holder.current.held.version == 1

    making.publish(kept, TWO, version=2)
    kept.hset(LIVE_KEY, "version", "two")
    kept.mset({VERSION_KEY: 9, LEARNED_KEY: b"\xc1"})
    stricter = making.publish_policy(kept, version=2, purposes=making.PURPOSES[:1])
    holder.poll()

    assert holder.current.policy == stricter
    holder.current.held.engine.close()


def test_rolling_back_is_publishing_the_earlier_one_again(kept, holder):
    first = making.publish(kept, ONE, version=1)
    making.publish(kept, TWO, version=2)

    making.publish(kept, replace(ONE), version=3)
    holder.poll()

    assert (holder.current.held.digest, holder.current.held.version) == (first, 3)
