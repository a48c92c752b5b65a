"""Entries, people and a reading of the tree that tests of proofs share."""

from dataclasses import replace

from consent import entries
from consent.changes import apply_changes
from consent.ids import uuid7
from consent.models import ConsentEvent
from consent.person_keys import person_cipher
from consent.projection import load_states, save_states
from consent.proof import sealing, signing
from consent.proof.tables import LedgerLeaf
from tests.consent.builders import EVIDENCE, NOW, SUBJECT, given, make_person


def append(person, *changes, now=NOW):
    """Append what a person says and return the id of their key."""
    cipher = person_cipher(person, now=now)
    said = [replace(change, event_id=str(uuid7(now))) for change in changes]
    told = {"evidence": EVIDENCE, "actor": SUBJECT, "now": now}
    rows = [entries.seal_entry(entries.make_entry(person, one, **told), cipher) for one in said]
    ConsentEvent.objects.bulk_create(rows)
    before = load_states([person]).get(person, {})
    save_states(person, apply_changes(before, said, now=now))
    return cipher.key_id


def append_many(count, *, now=NOW):
    append(make_person(), *[given() for _ in range(count)], now=now)


def seal(*, now=NOW):
    """Seal whatever waits and return how much that was."""
    return sum(sealing.seal_everything(now=now))


def leaves():
    rows = LedgerLeaf.objects.order_by("seq")
    return [bytes(one) for one in rows.values_list("leaf_hash", flat=True)]


def own_key(path, settings):
    """Have the ledger go on with a copy of its key, which a test may exchange."""
    append_many(1)
    seal()
    text = signing.key_file().read_text()
    settings.RTTS_LEDGER_SIGNING_KEY_FILE = str(path)
    signing.write_key(path, signing.parse_key(text))
