"""Whose signature on a checkpoint is believed: the rule of the offline verifier, over the tables."""

import base64
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from consent.models import ConsentEvent
from consent.proof import fsck, proving, sealing, signing
from consent.proof.checking import Question, verify
from consent.proof.checkpoints import key_id_of, public_bytes, verifier_key
from consent.proof.facts import KEY_ROTATED, make_fact
from consent.proof.proving import latest_checkpoint
from consent.proof.tables import SigningKey
from consent.proof.vouching import VOUCHED
from rtts_site import embedded
from tests.consent.builders import NOW
from tests.consent.proof.builders import append_many, own_key, seal

LATER = NOW + timedelta(minutes=5)
ROGUE = Ed25519PrivateKey.from_private_bytes(b"r" * 32)


def troubled(cursor, **known):
    found = verify(cursor, Question(now=LATER, **known))
    return {one.name: [each.words for each in one.told] for one in found if not one.is_well}


def asked(**known):
    with connection.cursor() as cursor:
        return troubled(cursor, **known)


@pytest.fixture
def key_file(db, tmp_path, settings):
    own_key(tmp_path / "key", settings)
    return tmp_path / "key"


@pytest.fixture
def first(key_file):
    """Return the public half of the ledger's first key."""
    return bytes(SigningKey.objects.order_by("since_size", "since").first().public)


def test_a_key_that_the_former_vouched_for_is_believed(first):
    sealing.exchange_key(now=LATER, why="planned")
    append_many(2)
    seal(now=LATER)

    assert asked() == asked(trusted=[first]) == asked(own=signing.own_publics()) == {}


def test_a_lost_key_is_a_trouble_until_somebody_says_that_they_know_the_new_one(first, key_file):
    append_many(1)
    key_file.unlink()
    signing.write_key(key_file, Ed25519PrivateKey.generate())
    list(sealing.seal_everything(now=LATER, why="lost"))

    new = public_bytes(signing.signing_key())
    assert set(asked()) == {VOUCHED, fsck.SIGNED}
    assert "did not vouch" in asked()[VOUCHED][0]
    assert asked(trusted=[first, new]) == {}


def test_a_ledger_of_another_first_key_is_not_the_one_asked_for(first):
    found = asked(trusted=[public_bytes(ROGUE)])

    assert "is not the one that was given" in found[VOUCHED][0]


def test_a_newest_key_that_is_not_this_installations_is_a_trouble(first):
    assert "signs with" in asked(own=[public_bytes(ROGUE)])[VOUCHED][0]


def test_the_command_takes_the_keys_that_are_believed(first):
    def run(*arguments):
        out = StringIO()
        try:
            call_command("rtts_verify_ledger", *arguments, stdout=out, stderr=StringIO())
        except SystemExit as ended:
            return ended.code, out.getvalue()
        return 0, out.getvalue()

    origin = proving.public_keys()["origin"]

    assert f"FAIL  {VOUCHED}" not in run("--key", verifier_key(origin, first))[1]
    code, said = run("--key", verifier_key(origin, public_bytes(ROGUE)))
    assert code == 1
    assert f"FAIL  {VOUCHED}" in said
    with pytest.raises(CommandError, match="--key"):
        run("--key", base64.b64encode(b"short").decode())


def test_a_rogue_key_that_the_application_puts_in_is_found(committed):
    """Whoever has the application's password has all the doors, and signs with a key of their own."""
    append_many(3)
    seal()
    before = latest_checkpoint()
    connection.close()
    with psycopg.connect(embedded.database_url(settings.RTTS_VAR)) as rogue:
        cursor = rogue.cursor()
        _go_on_with(cursor, before)
        found = troubled(cursor)
        rogue.rollback()

    assert set(found) == {VOUCHED, fsck.SIGNED}


def _go_on_with(cursor, last):
    public = public_bytes(ROGUE)
    former = SigningKey.objects.order_by("-since_size", "-since").first().key_id
    told = {"key": key_id_of(public), "public": public.hex(), "former": former, "why": "planned"}
    fact = make_fact(KEY_ROTATED, told, now=NOW, actor="system")
    names = [field.attname for field in ConsentEvent._meta.concrete_fields]
    cursor.execute(
        f"insert into consent_consentevent ({', '.join(names)}) values (%s, %s, %s, %s, %s, %s)",  # noqa: S608
        [getattr(fact, name) for name in names],
    )
    cursor.execute(
        "select consent_add_signing_key(%s, %s, %s, %s)",
        [key_id_of(public), public, last.size, NOW],
    )
    cursor.execute("select seq, leaf_hash from consent_seal(null, %s)", [NOW])
    frontier = sealing.unpack_frontier(last.size, bytes(last.frontier))
    nodes = list(sealing._grow(frontier, [bytes(leaf) for _, leaf in cursor.fetchall()]))
    checkpoint = sealing.Checkpoint(
        origin=last.note.partition("\n")[0],
        size=frontier.size,
        root=frontier.root(),
        signed_at=NOW,
        before=sealing.hash_text(last.note.partition("\n\n")[0] + "\n"),
    )
    cursor.execute(
        "select consent_add_checkpoint(%s, %s, %s, %s, %s, %s, %s::integer[], %s::bigint[], %s::bytea[])",
        [
            *(checkpoint.size, checkpoint.root, frontier.pack()),
            *(sealing.sign_note(checkpoint, [ROGUE]), key_id_of(public), NOW),
            *([list(column) for column in zip(*nodes, strict=True)] or [[], [], []]),
        ],
    )


@pytest.mark.parametrize("altered", [{"new_key": "0" * 16}, {"begins": 1}, {"half": b"x" * 32}, {}])
def test_a_key_without_its_fact_does_not_come_in(first, altered):
    size, public = latest_checkpoint().size, public_bytes(ROGUE)
    asked_for = {"new_key": key_id_of(public), "half": public, "begins": size} | altered

    with connection.cursor() as cursor, pytest.raises(Exception, match="comes with a fact"):
        cursor.execute(
            "select consent_add_signing_key(%(new_key)s, %(half)s, %(begins)s, now())", asked_for
        )
