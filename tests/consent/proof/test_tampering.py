"""Edits, insertions, exchanges, deletions and cuts, by everybody who has a database role, and the check that says so."""
# ruff: noqa: S608 - the statements are the test's own

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from campaigns import house_facts
from campaigns.models import Approval, Change
from consent import ledger
from consent.models import ConsentState, PersonKey
from consent.notices import NoticeDraft, keep_texts
from consent.proof import fsck, projecting, sealing, walking
from consent.proof.checking import Question, verify
from consent.proof.erasing import erase_bodies
from consent.proof.proving import latest_checkpoint
from rtts_site import embedded
from tests.consent.builders import EVIDENCE, NOW, POLICY, SUBJECT, given, make_person, withdrawn
from tests.consent.conftest import record_policy
from tests.consent.proof.builders import append, append_many, seal

LATER = NOW + timedelta(minutes=5)
BODIES, LEAVES = "consent_consentevent", "consent_ledgerleaf"
CHECKPOINTS, NODES = "consent_ledgercheckpoint", "consent_ledgernode"
APPROVALS, POLICIES, PENDING = (
    "campaigns_approval",
    "consent_policyversion",
    "consent_ledgerpending",
)
STATES, WORDS = "consent_consentstate", "consent_noticetext"
WITHDRAWN = "status = 'withdrawn'"
TABLES = (BODIES, LEAVES, CHECKPOINTS, NODES, APPROVALS, POLICIES, WORDS, "consent_signingkey")
BACK = f"(select max(seq) - 3 from {LEAVES})"  # a place near the end, of what the test appended
AT = f"event_id = (select event_id from {LEAVES} where seq = {BACK})"
TAIL = f"seq > {BACK}"
LAST = f"size = (select max(size) from {CHECKPOINTS})"
ONE = f"id = (select max(id) from {APPROVALS})"
FORGED = "gen_random_uuid(), gen_random_uuid(), 2, timestamptz '2026-05-04 12:00Z', 'x'::bytea, 'y'::bytea"

# name: (statements, the checks that find it)
TAMPERING = {
    "edit a body": ([f"update {BODIES} set body = body || 'x' where {AT}"], walking.BODIES),
    "edit a body and its hashes": (
        [
            f"update {BODIES} set body = body || 'x' where {AT}",
            f"update {LEAVES} set body_hash = sha256((select body from {BODIES} where {AT})) where {AT}",
        ],
        walking.LEAVES,
    ),
    "edit when a body was recorded": (
        [f"update {BODIES} set recorded_at = recorded_at - interval '1 day' where {AT}"],
        walking.BODIES,
    ),
    "edit whose a body is": (
        [f"update {BODIES} set key_id = gen_random_uuid() where {AT}"],
        walking.BODIES,
    ),
    "insert a body": (
        [
            f"insert into {BODIES} (event_id, key_id, schema_version, recorded_at, body, leaf_hash) values ({FORGED})"
        ],
        walking.MERGED,
    ),
    "exchange two bodies": (
        [
            f"update {BODIES} b set body = o.body from {BODIES} o, {LEAVES} l, {LEAVES} m "
            f"where l.seq = {BACK} and m.seq = {BACK} + 1 and l.event_id in (b.event_id, o.event_id) "
            "and m.event_id in (b.event_id, o.event_id) and b.event_id <> o.event_id"
        ],
        walking.BODIES,
    ),
    "delete a body": ([f"delete from {BODIES} where {AT}"], walking.ERASED),
    "delete a body under a destroyed key's name": (
        [
            f"delete from {BODIES} where {AT}",
            f"update {LEAVES} set key_id = (select key_id from consent_personkey "
            f"where destroyed_at is not null limit 1) where {AT}",
        ],
        walking.LEAVES,
    ),
    "cut off the last bodies": (
        [f"delete from {BODIES} where event_id in (select event_id from {LEAVES} where {TAIL})"],
        walking.ERASED,
    ),
    "empty the bodies": ([f"truncate {BODIES}"], walking.ERASED),
    "edit a leaf": ([f"update {LEAVES} set leaf_hash = sha256('x') where seq = {BACK}"], fsck.TREE),
    "insert a leaf": (
        [
            f"insert into {LEAVES} (seq, event_id, key_id, schema_version, recorded_at, body_hash, leaf_hash, sealed_at) "
            f"select max(seq) + 1, {FORGED}, now() from {LEAVES}"
        ],
        fsck.TREE,
    ),
    "exchange two leaves": (
        [
            f"update {LEAVES} set seq = 999999999 where seq = {BACK} + 1",
            f"update {LEAVES} set seq = {BACK} + 1 where seq = {BACK}",
            f"update {LEAVES} set seq = {BACK} where seq = 999999999",
        ],
        fsck.TREE,
    ),
    "delete a leaf": ([f"delete from {LEAVES} where seq = {BACK}"], walking.DENSE),
    "cut off the last leaves": ([f"delete from {LEAVES} where {TAIL}"], walking.MERGED),
    "empty the leaves": ([f"truncate {LEAVES}"], walking.MERGED),
    "edit a checkpoint": (
        [f"update {CHECKPOINTS} set root = sha256('x') where {LAST}"],
        fsck.TREE,
    ),
    "edit a checkpoint's note": (
        [f"update {CHECKPOINTS} set note = replace(note, 'signed 20', 'signed 19') where {LAST}"],
        fsck.SIGNED,
    ),
    "insert a checkpoint": (
        [
            f"insert into {CHECKPOINTS} (size, root, frontier, note, key_id, signed_at) "
            f"select size - 1, root, frontier, note, key_id, signed_at from {CHECKPOINTS} where {LAST}"
        ],
        fsck.SIGNED,
    ),
    "exchange two checkpoints": (
        [
            f"update {CHECKPOINTS} c set note = o.note from {CHECKPOINTS} o where c.size <> o.size and "
            f"c.size in (select size from {CHECKPOINTS} order by size desc limit 2) and "
            f"o.size in (select size from {CHECKPOINTS} order by size desc limit 2)"
        ],
        fsck.SIGNED,
    ),
    "delete a checkpoint": (
        [
            f"delete from {CHECKPOINTS} where size = "
            f"(select size from {CHECKPOINTS} order by size desc offset 1 limit 1)"
        ],
        fsck.CHAIN,
    ),
    "cut off the last checkpoint": ([f"delete from {CHECKPOINTS} where {LAST}"], fsck.TREE),
    "empty the checkpoints": ([f"truncate {CHECKPOINTS}"], fsck.TREE),
    "cut off the end of everything, in one piece": (
        [
            f"create temporary table kept as select size from {CHECKPOINTS} order by size desc offset 1 limit 1",
            f"delete from {BODIES} where event_id in "
            f"(select event_id from {LEAVES} where seq >= (select size from kept))",
            f"delete from {LEAVES} where seq >= (select size from kept)",
            f"delete from {CHECKPOINTS} where size > (select size from kept)",
            f"delete from {PENDING}",
        ],
        fsck.ANCHORED,
    ),
    "edit an approval": ([f"update {APPROVALS} set digest = 'other' where {ONE}"], "approvals"),
    "edit who approved": (
        [f"update {APPROVALS} set user_id = (select max(id) from auth_user) where {ONE}"],
        "approvals",
    ),
    "insert an approval": (
        [
            f"insert into {APPROVALS} (change_id, user_id, digest, content, roles, given_at) "
            f"select change_id, (select max(id) from auth_user), digest, content, roles, given_at from {APPROVALS} where {ONE}"
        ],
        "approvals",
    ),
    "exchange two approvals": (
        [
            f"update {APPROVALS} a set digest = o.digest from {APPROVALS} o where a.id <> o.id and "
            f"a.id in (select id from {APPROVALS} order by id desc limit 2) and "
            f"o.id in (select id from {APPROVALS} order by id desc limit 2)"
        ],
        "approvals",
    ),
    "delete an approval": ([f"delete from {APPROVALS} where {ONE}"], "approvals"),
    "empty the approvals": ([f"truncate {APPROVALS}"], "approvals"),
    "edit a policy": (
        [f"update {POLICIES} set approved_by = 'mallory'"],
        fsck.POLICIES,
    ),
    "edit what a policy says": (
        [f"update {POLICIES} set body = replace(convert_from(body, 'UTF8'), 'ads', 'sda')::bytea"],
        fsck.POLICIES,
    ),
    "delete a policy": (
        [f"delete from {POLICIES} where version = (select max(version) from {POLICIES})"],
        fsck.POLICIES,
    ),
    "edit a stored subtree": ([f"update {NODES} set root = sha256('x')"], fsck.NODES),
    "edit a signing key": (
        ["update consent_signingkey set public = sha256('x')"],
        fsck.KEYS,
    ),
    "edit a state": (
        [f"update {STATES} set status = 'given' where {WITHDRAWN}"],
        projecting.STATES,
    ),
    "edit whose a state is": (
        [f"update {STATES} set person = 'p000.nobody' where {WITHDRAWN}"],
        projecting.STATES,
    ),
    "insert a state": (
        [
            f"insert into {STATES} (person, purpose, channel, status, since, event_id, event_type, "
            "by_guardian, over_gpc, notice) select person, 'email_marketing', '*', 'given', since, "
            f"event_id, event_type, false, false, '' from {STATES} where {WITHDRAWN} limit 1"
        ],
        projecting.STATES,
    ),
    "delete a state": ([f"delete from {STATES} where {WITHDRAWN}"], projecting.STATES),
    "empty the states": ([f"truncate {STATES}"], projecting.STATES),
    "lift a restriction": (
        ["update consent_person set restriction_asked = false where restriction_asked"],
        projecting.RESTRICTIONS,
    ),
    "edit the words of a notice": (
        [f"update {WORDS} set content = 'Other words.'"],
        fsck.NOTICES,
    ),
    "edit the words of a notice and their digest": (
        [
            f"update {WORDS} set content = 'Other words.', "
            "sha256 = 'sha256:' || encode(sha256('Other words.'), 'hex')"
        ],
        fsck.NOTICES,
    ),
    "insert words of a notice": (
        [
            f"insert into {WORDS} (notice, version, language, media_type, content, sha256, recorded_at) "
            f"select notice, version, 'xx', media_type, content, sha256, recorded_at from {WORDS} limit 1"
        ],
        fsck.NOTICES,
    ),
    "delete the words of a notice": ([f"delete from {WORDS}"], fsck.NOTICES),
    "insert a signing key": (
        [
            "insert into consent_signingkey (key_id, public, since_size, since) "
            "select left(encode(sha256('mine'), 'hex'), 16), 'mine', 1, now()"
        ],
        fsck.KEYS,
    ),
}
REFUSED = r"permission denied|append-only|stays as it was given"
# What the application appends itself; a forged one is found, not refused.
APPENDS = {"insert a body", "insert an approval"} | {
    *("edit a state", "edit whose a state is", "insert a state", "delete a state"),
    *("insert words of a notice", "lift a restriction"),
}


@pytest.fixture(scope="module")
def anchored(real_commits):
    """Fill the ledger with everything that can be tampered with; return a checkpoint that somebody kept."""
    with real_commits():
        notice = NoticeDraft(key="tampered", name="T", effective_from=NOW, texts={"en": "Words."})
        keep_texts([notice], now=NOW)
        record_policy(replace(POLICY, notices=(notice.spec(),)))
        _approve_twice()
        ana = append(gone := make_person(), given(), withdrawn())
        ConsentState.objects.filter(person=gone).delete()
        append(make_person(), given(), withdrawn())
        told = {"evidence": EVIDENCE, "actor": SUBJECT, "now": NOW}
        ledger.record_restriction(make_person(), True, **told)
        append_many(300)
        PersonKey.objects.filter(key_id=ana).update(wrapped=None, destroyed_at=NOW)
        seal()
        erase_bodies([ana], now=NOW)
        seal()
        append_many(6)
        seal()
        try:
            yield [("the auditor's copy", latest_checkpoint().note)]
        finally:
            connection.close()


def _approve_twice():
    max_, olga = (User.objects.get_or_create(username=name)[0] for name in ("max", "olga"))
    for digest in ("sha256:a", "sha256:b"):
        change = Change.objects.create(title="Tampered with", created_at=NOW, created_by=max_)
        approval = Approval.objects.create(
            change=change, user=olga, digest=digest, content="c", given_at=NOW
        )
        house_facts.tell_approval(approval, now=NOW)
    User.objects.get_or_create(username="mallory")


@pytest.fixture
def ready(anchored, real_commits):
    with real_commits():
        yield anchored
        connection.close()


def troubles(cursor, anchored):
    """Return what each check that found something said."""
    found = verify(cursor, Question(now=LATER, anchored=anchored))
    return {one.name: one for one in found if not one.is_well}


def test_nothing_is_found_where_nothing_was_altered(ready):
    with connection.cursor() as cursor:
        found = verify(cursor, Question(now=LATER, anchored=ready))

    assert {one.name: [trouble.words for trouble in one.told] for one in found if one.count} == {}
    assert len(found) >= 13


def test_the_checks_know_every_approval_and_policy(ready):
    names = [house_facts.CHECK, fsck.POLICIES]
    with connection.cursor() as cursor:
        found = {one.name for one in verify(cursor, Question(now=LATER))}

    assert found.issuperset(names)


@pytest.mark.parametrize("name", [name for name in TAMPERING if name not in APPENDS])
def test_the_application_is_refused(ready, name):
    statements, _ = TAMPERING[name]

    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
        _execute(statements)


def _execute(statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.faults  # a minute; the next tests are of every run
@pytest.mark.parametrize("role", [embedded.OWNER_ROLE, embedded.ADMIN_ROLE, "application"])
@pytest.mark.parametrize("name", TAMPERING)
def test_whoever_tampers_is_found_by_the_named_check(ready, name, role):
    if role == "application" and name not in APPENDS:
        pytest.skip("refused")
    statements, expected = TAMPERING[name]
    named = house_facts.CHECK if expected == "approvals" else expected
    user = embedded.RUNTIME_ROLE if role == "application" else role
    with psycopg.connect(embedded.database_url(settings.RTTS_VAR, user)) as tampering:
        cursor = tampering.cursor()
        before = troubles(cursor, ready)
        if role != "application":
            _disable_triggers(cursor, "all" if role == embedded.ADMIN_ROLE else "user")
        for statement in statements:
            cursor.execute(statement)
        after = troubles(cursor, ready)
        tampering.rollback()

    assert not before
    assert named in after, f"found instead: {after}"


def _disable_triggers(cursor, which):
    for table in TABLES:
        cursor.execute(f"alter table {table} disable trigger {which}")


@pytest.mark.parametrize("role", [embedded.OWNER_ROLE, embedded.ADMIN_ROLE])
@pytest.mark.parametrize("table", [BODIES, LEAVES, NODES, CHECKPOINTS, APPROVALS])
def test_a_trigger_stops_whoever_does_not_disable_it(ready, role, table):
    column = "roles" if table == APPROVALS else "note" if table == CHECKPOINTS else "ctid"
    column = {BODIES: "body", LEAVES: "leaf_hash", NODES: "root"}.get(table, column)
    with psycopg.connect(embedded.database_url(settings.RTTS_VAR, role)) as owner:
        if role == embedded.ADMIN_ROLE:
            owner.execute("set session_replication_role = replica")
        for statement in (f"update {table} set {column} = {column}", f"truncate {table}"):
            with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
                owner.execute(statement)


def test_case_27_a_rewritten_history_does_not_begin_with_what_was_anchored(ready):
    """A thief of the signing key makes all of it agree with itself."""
    with psycopg.connect(
        embedded.database_url(settings.RTTS_VAR, embedded.OWNER_ROLE)
    ) as tampering:
        cursor = tampering.cursor()
        _disable_triggers(cursor, "user")
        _rewrite(cursor)
        after = troubles(cursor, ready)
        tampering.rollback()

    assert set(after) == {fsck.ANCHORED}


def _rewrite(cursor):
    """Withdraw the last body, and sign a new history without it from the checkpoint before."""
    cursor.execute(f"select size from {CHECKPOINTS} order by size desc offset 1 limit 1")
    (kept,) = cursor.fetchone()
    cursor.execute(  # who says the same in the next one
        f"update {STATES} set event_id = (select event_id from {LEAVES} where seq = {kept} + 1) "
        f"where event_id = (select event_id from {LEAVES} where seq = {kept})"
    )
    cursor.execute(
        f"delete from {BODIES} where event_id in (select event_id from {LEAVES} where seq = {kept})"
    )
    cursor.execute(f"delete from {LEAVES} where seq = {kept}")
    cursor.execute(f"update {LEAVES} set seq = seq - 1 where seq > {kept}")
    cursor.execute(f"select leaf_hash from {LEAVES} where seq >= {kept} order by seq")
    leaves = [bytes(row[0]) for row in cursor.fetchall()]
    cursor.execute(f"select note, frontier from {CHECKPOINTS} where size = {kept}")
    note, packed = cursor.fetchone()
    frontier = sealing.unpack_frontier(kept, bytes(packed))
    for leaf in leaves:
        frontier.append(leaf)
    checkpoint = sealing.Checkpoint(
        origin=note.partition("\n")[0],
        size=frontier.size,
        root=frontier.root(),
        signed_at=NOW,
        before=sealing.hash_text(note.partition("\n\n")[0] + "\n"),
    )
    key = sealing.signing_key()
    cursor.execute(f"delete from {CHECKPOINTS} where size > {kept}")
    cursor.execute(
        f"insert into {CHECKPOINTS} (size, root, frontier, note, key_id, signed_at) values (%s, %s, %s, %s, %s, now())",
        [
            checkpoint.size,
            checkpoint.root,
            frontier.pack(),
            sealing.sign_note(checkpoint, [key]),
            sealing.key_id_of(sealing.public_bytes(key)),
        ],
    )
