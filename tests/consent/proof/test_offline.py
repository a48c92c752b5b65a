"""What an outsider does: the verifier alone, a public key and a checkpoint from long ago, and an export."""

import ast
import base64
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from consent import receipts
from consent.ids import uuid7
from consent.models import ConsentEvent, PersonKey
from consent.proof import exporting, offline, proving, sealing, signing
from consent.proof.erasing import erase_bodies
from tests.consent.builders import NOW, given, make_person, withdrawn
from tests.consent.proof.builders import append, append_many, own_key, seal

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def kept(db, tmp_path, settings):
    """Return what an outsider has: verifier, key, an old checkpoint, a receipt, and an export of today."""
    own_key(tmp_path / "secret", settings)
    ana, ben = make_person(), make_person()
    append(ana, given(), withdrawn())
    ben_key = append(ben, given())
    seal()
    (tmp_path / "key").write_text(proving.public_keys()["keys"][0]["verifier_key"])
    (tmp_path / "checkpoint").write_text(proving.latest_checkpoint().note)
    first = ConsentEvent.objects.filter(key_id=PersonKey.objects.get(person=ana).key_id).first()
    (tmp_path / "receipt").write_text(receipts.load_receipt(ana, first.event_id)["jws"])
    PersonKey.objects.filter(key_id=ben_key).update(wrapped=None, destroyed_at=NOW)
    erase_bodies([ben_key], now=NOW)
    append_many(5)
    seal()
    export(tmp_path)
    return tmp_path


def export(folder, *options):
    out = [str(folder / "export"), "--verifier", str(folder / "verifier.py"), *options]
    call_command("rtts_export_ledger", *out, stdout=_Nowhere())


class _Nowhere:
    def write(self, text):
        """Keep the command quiet."""


def check(folder, *, receipt=True):
    told = ["--checkpoint", "checkpoint", *(["--receipt", "receipt"] if receipt else [])]
    command = [sys.executable, "-I", "verifier.py", "export", "--key", "key", *told]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert not done.stderr
    return done.returncode, done.stdout


def alter(folder, change):
    """Alter the lines of an export."""
    lines = [json.loads(line) for line in (folder / "export").read_text().splitlines()]
    lines = change(lines) or lines
    (folder / "export").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def leaves_of(lines):
    return [line for line in lines if "leaf" in line]


def test_the_verifier_needs_nothing_of_ours():
    tree = ast.parse(Path(offline.__file__).read_text())

    names = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize("options", [[], ["--bodies"]])
def test_r24_an_outsider_verifies_an_export(kept, options):
    export(kept, *options)

    code, said = check(kept)

    assert code == 0, said
    assert said.startswith(f"OK: {proving.latest_checkpoint().size} entries, root ")


def edit(lines):
    leaves_of(lines)[-2]["recorded_us"] += 1


def edit_with_its_hash(lines):
    line = leaves_of(lines)[-2]
    line["recorded_us"] += 1
    line["hash"] = offline._leaf_hash(line, None).hex()


def insert(lines):
    lines.insert(-1, dict(leaves_of(lines)[-1], leaf=leaves_of(lines)[-1]["leaf"] + 1))


def reorder(lines):
    one, other = leaves_of(lines)[-2:]
    for name in set(one) - {"leaf"}:
        one[name], other[name] = other[name], one[name]


def delete(lines):
    lines.remove(leaves_of(lines)[-2])


def cut_off_the_end(lines):
    places = [place for place, line in enumerate(lines) if "checkpoint" in line]
    return lines[: places[-3] + 1]


def cut_off_a_checkpoint(lines):
    return lines[:-1]


def hide_a_body(lines):
    leaves_of(lines)[-2]["gone"] = True


def drop_the_fact_of_a_rotation(lines):
    for line in leaves_of(lines):
        if line["key"] == offline.HOUSE:
            line["body"] = base64.b64encode(b"{}").decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit, "not what its hash covers"),
        (edit_with_its_hash, "not of these leaves"),
        (insert, "not of these leaves"),
        (reorder, "not of these leaves"),
        (delete, "should be"),
        (cut_off_the_end, "its end was cut off"),
        (cut_off_a_checkpoint, "covered by no checkpoint"),
        (hide_a_body, "its key was not destroyed"),
        (drop_the_fact_of_a_rotation, "its body was altered"),
    ],
)
def test_r24_whatever_was_altered_is_refused(kept, change, words):
    alter(kept, change)

    code, said = check(kept, receipt=False)

    assert (code, said.partition(":")[0]) == (1, "REFUSED")
    assert words in said


def test_r24_a_history_signed_anew_does_not_begin_with_what_was_kept(kept):
    """Whoever has the key and the database makes an export that agrees with itself."""
    key = signing.signing_key()

    def rewrite(lines):
        leaves_of(lines)[0]["recorded_us"] += 1
        tree, before = offline.Tree(), b""
        for line in lines:
            if "leaf" in line:
                line["hash"] = offline._leaf_hash(line, None).hex()
                tree.append(bytes.fromhex(line["hash"]))
            elif "checkpoint" in line:
                said = sealing.Checkpoint(
                    origin=line["checkpoint"].partition("\n")[0],
                    size=tree.size,
                    root=tree.root(),
                    signed_at=NOW,
                    before=before,
                )
                line["checkpoint"] = sealing.sign_note(said, [key])
                before = sealing.hash_text(line["checkpoint"].partition("\n\n")[0] + "\n")

    alter(kept, rewrite)

    assert check(kept, receipt=False) == (
        1,
        "REFUSED: checkpoint: the ledger does not begin with it\n",
    )


def test_a_promised_entry_that_never_came_is_told(kept):
    jws = receipts.sign_receipt(
        {"leaf_hash": f"sha256:{'0' * 64}", "merge_by": NOW.isoformat(), "id": str(uuid7(NOW))}
    )
    (kept / "receipt").write_text(jws)

    assert check(kept) == (
        1,
        f"REFUSED: receipt: promised by {NOW.isoformat()}, and not in the ledger\n",
    )


def test_case_28_whoever_has_the_first_key_follows_its_rotations(kept):
    for why in ("planned", "leaked"):
        sealing.exchange_key(now=LATER, why=why)
        append_many(1)
        seal(now=LATER)
    export(kept)

    code, said = check(kept)

    assert code == 0, said


def test_another_key_is_believed_nothing(kept):
    (kept / "secret").unlink()
    signing.write_key(kept / "secret", signing.Ed25519PrivateKey.generate())
    public = sealing.public_bytes(signing.signing_key())
    (kept / "key").write_text(proving.verifier_key("rtts-ledger-other", public))

    code, said = check(kept)

    assert code == 1
    assert "not signed by the key of then" in said


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "nonsense", '{"leaf": 0}\n'])
def test_nonsense_is_refused_without_a_traceback(kept, text):
    (kept / "export").write_text(text)

    code, said = check(kept)

    assert (code, said.partition(":")[0]) == (1, "REFUSED")


def test_an_export_names_nobody(kept):
    said = (kept / "export").read_text()

    for row in PersonKey.objects.all():
        assert row.person not in said
    assert exporting.FORMAT in said
