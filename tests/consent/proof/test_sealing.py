import threading
from datetime import timedelta

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction

from consent.models import ConsentEvent
from consent.proof import proving, sealing, signing
from consent.proof.checkpoints import (
    CheckpointError,
    key_id_of,
    open_note,
    public_bytes,
    sign_note,
)
from consent.proof.facts import KEY_ROTATED, facts_of, make_fact
from consent.proof.tables import (
    LedgerCheckpoint,
    LedgerLeaf,
    LedgerNode,
    LedgerPending,
    SigningKey,
)
from consent.proof.tree import (
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    root_of,
)
from rtts_site import embedded
from tests.consent.builders import NOW
from tests.consent.proof.builders import append_many, leaves, own_key, seal

LATER = NOW + timedelta(minutes=1)


def publics():
    return {row.key_id: bytes(row.public) for row in SigningKey.objects.all()}


def newest():
    return LedgerCheckpoint.objects.order_by("-size").first()


def test_whatever_waits_gets_its_leaf_and_a_signed_root(db):
    append_many(5)

    assert seal() >= 5
    checkpoint = newest()
    said = open_note(checkpoint.note, publics()).checkpoint
    assert not LedgerPending.objects.exists()
    sealed = LedgerLeaf.objects.values("event_id")
    assert said.size == checkpoint.size == sealed.count()
    assert not ConsentEvent.objects.exclude(event_id__in=sealed).exists()
    assert said.root == bytes(checkpoint.root) == root_of(leaves())
    assert [row.seq for row in LedgerLeaf.objects.order_by("seq")] == list(range(said.size))


def test_nothing_to_seal_makes_no_checkpoint(db):
    append_many(1)
    seal()
    before = LedgerCheckpoint.objects.count()

    assert seal(now=LATER) == 0
    assert LedgerCheckpoint.objects.count() == before


def test_each_checkpoint_names_the_one_before(db):
    for _ in range(3):
        append_many(1)
        seal()

    *_, before, last = LedgerCheckpoint.objects.order_by("size")

    text = open_note(before.note, publics()).text
    assert open_note(last.note, publics()).checkpoint.before == sealing.hash_text(text)


def test_proofs_come_from_few_leaves_and_nodes(db):
    append_many(700)
    while sealing.seal_batch(now=NOW, most=97):
        pass
    told, size = leaves(), newest().size

    def naive(first, last):
        return root_of(told[first:last])

    assert LedgerNode.objects.filter(level=1).count() == size // 256
    for index in (0, 255, 256, 511, 512, size - 1):
        path = inclusion_path(index, size, proving.subtree)
        assert path == inclusion_path(index, size, naive)
        assert is_included(told[index], index, size, path=path, root=bytes(newest().root))
    for old in (1, 97, 256, 257, 600, size - 1, size):
        assert consistency_path(old, size, proving.subtree) == consistency_path(old, size, naive)


def test_the_proof_of_an_entry_verifies_against_the_newest_checkpoint(db):
    append_many(3)
    event_id = LedgerPending.objects.latest("id").event_id
    with pytest.raises(proving.NotSealedError, match="within a minute"):
        proving.inclusion_of(event_id)
    seal()

    proof = proving.inclusion_of(event_id)

    said = open_note(proof["checkpoint"], publics()).checkpoint
    leaf, path = bytes.fromhex(proof["leaf_hash"]), [bytes.fromhex(one) for one in proof["path"]]
    assert is_included(leaf, proof["leaf_index"], said.size, path=path, root=said.root)


def test_a_smaller_tree_is_proven_to_begin_a_larger_one(db):
    append_many(2)
    seal()
    old = newest()
    append_many(5)
    seal()
    new = newest()

    proof = proving.consistency_between(old.size, new.size)

    path = [bytes.fromhex(one) for one in proof["path"]]
    roots = {"old_root": bytes(old.root), "new_root": bytes(new.root)}
    assert is_consistent(old.size, new.size, path=path, **roots)
    with pytest.raises(proving.NotSealedError, match="no 9"):
        proving.consistency_between(1, 999_999)


def test_case_29_two_sealers_at_once_keep_the_leaves_dense(committed):
    append_many(300)
    sealed, errors = [], []
    ready = threading.Barrier(4)

    def run():
        try:
            ready.wait()
            while count := sealing.seal_batch(now=NOW, most=20):
                sealed.append(count)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal()

    assert not errors
    assert [row.seq for row in LedgerLeaf.objects.order_by("seq")] == list(range(newest().size))
    assert not LedgerPending.objects.exists()
    assert bytes(newest().root) == root_of(leaves())


@pytest.mark.parametrize("after", ["consent_seal", "consent_add_checkpoint"])
def test_case_29_a_sealer_that_dies_half_way_leaves_no_gap(committed, after):
    append_many(40)
    seal()
    append_many(40)
    before = newest().size

    class Died(BaseException):
        """What a killed process is to its database: a transaction that never ends well."""

    def die(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if after in sql:
            raise Died
        return result

    with connection.execute_wrapper(die), pytest.raises(Died):
        sealing.seal_batch(now=NOW)
    waiting = LedgerPending.objects.count()

    assert newest().size == before == LedgerLeaf.objects.count()
    assert waiting >= 40
    assert seal() == waiting
    assert [row.seq for row in LedgerLeaf.objects.order_by("seq")] == list(range(newest().size))


def test_a_late_commit_is_sealed_later(committed):
    url = embedded.database_url(settings.RTTS_VAR)
    fact = make_fact("capsule.opened", {"capsule": "1"}, now=NOW, actor="system")
    names = [field.attname for field in ConsentEvent._meta.concrete_fields]
    row = f"insert into consent_consentevent ({', '.join(names)}) values (%s, %s, %s, %s, %s, %s)"  # noqa: S608
    with psycopg.connect(url) as slow:
        slow.execute(
            row, [getattr(fact, name) for name in names]
        )  # its place in the line comes before what the others append
        append_many(3)
        assert seal() == 3
    try:
        assert seal() == 1
        assert [one.seq for one in LedgerLeaf.objects.order_by("seq")] == list(range(newest().size))
    finally:
        connection.close()


def test_how_long_entries_wait_is_told(db, caplog):
    seal()
    append_many(1)
    oldest = LedgerPending.objects.order_by("id").first().added_at

    assert sealing.lag(now=oldest + timedelta(seconds=5)) == timedelta(seconds=5)
    sealing.watch_lag(now=oldest + timedelta(seconds=29))
    assert not caplog.records
    sealing.watch_lag(now=oldest + timedelta(seconds=31))
    assert "consent.sealing_late" in caplog.text


def test_nothing_is_sealed_on_an_altered_checkpoint(committed):
    append_many(2)
    seal()
    last = newest()
    altered = LedgerCheckpoint(
        size=last.size, root=last.root, note=last.note, key_id=last.key_id, frontier=b"\0" * 32
    )

    with pytest.raises(sealing.LedgerAlteredError, match="rtts_verify_ledger"):
        sealing._frontier(altered)


@pytest.fixture
def key_file(db, tmp_path, settings):
    """Let the ledger of a test go on with a key of its own."""
    own_key(tmp_path / "key", settings)
    return tmp_path / "key"


def test_the_key_lies_in_a_file_of_its_owner_only(key_file):
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert public_bytes(signing.signing_key()) in publics().values()


def test_case_28_a_rotated_key_is_vouched_for_by_the_former(key_file):
    old, former_id = newest(), key_id_of(public_bytes(signing.signing_key()))

    sealing.exchange_key(now=LATER, why="leaked")
    append_many(2)
    seal(now=LATER)

    key_id = key_id_of(public_bytes(signing.signing_key()))
    first, second = LedgerCheckpoint.objects.filter(size__gt=old.size).order_by("size")
    assert open_note(old.note, publics()).key_ids == {former_id}
    assert open_note(first.note, publics()).key_ids == {former_id, key_id}
    assert open_note(second.note, publics()).key_ids == {key_id}
    told = {fact.fields["key"]: fact.fields for _, fact in facts_of(KEY_ROTATED)}[key_id]
    assert (told["former"], told["why"]) == (former_id, "leaked")
    assert not signing.former_file().exists()
    with pytest.raises(CheckpointError, match="not signed"):
        open_note(second.note, {former_id: publics()[former_id]})


def test_a_key_from_nowhere_signs_nothing(key_file):
    append_many(1)
    waiting = LedgerPending.objects.count()
    key_file.unlink()
    signing.write_key(key_file, Ed25519PrivateKey.generate())

    with pytest.raises(signing.SigningKeyError, match="another key"), transaction.atomic():
        seal(now=LATER)
    assert LedgerPending.objects.count() == waiting
    assert sum(sealing.seal_everything(now=LATER, why="lost")) == waiting + 1


@pytest.mark.parametrize("text", ["", "AAAA", "-----BEGIN NONSENSE-----", "ä"])
def test_refuses_what_is_no_key(text):
    with pytest.raises(signing.SigningKeyError):
        signing.parse_key(text)


def test_a_note_of_somebody_else_is_refused(db):
    append_many(1)
    seal()
    said = open_note(newest().note, publics()).checkpoint

    with pytest.raises(CheckpointError, match="not signed"):
        open_note(sign_note(said, [Ed25519PrivateKey.generate()]), publics())
    for broken in ("", "x\n\n", newest().note.replace("\nsigned ", "\nsaid "), newest().note[:40]):
        with pytest.raises(CheckpointError):
            open_note(broken, publics())
