import pytest

from consent.proof import proving
from consent.proof.checkpoints import open_note
from consent.proof.tables import SigningKey
from consent.proof.tree import is_consistent, is_included
from rtts_site.foundation import key_issuing
from tests.consent.proof.builders import append_many, seal
from tests.consent.test_api import body, make_user, post, shop, verified

__all__ = ["shop"]


@pytest.fixture
def auditor(client, trusted):
    """Return a client with a key that may read the ledger and nothing else."""
    _, secret = key_issuing.issue(trusted, "auditor", scopes=["ledger"])
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def hashes(texts):
    return [bytes.fromhex(text) for text in texts]


def test_a_receipt_promises_a_leaf_and_the_proof_keeps_it(shop):
    ana = make_user()
    receipt = f"/v1/consents/{ana}/receipts/{post(shop, body(ana)).json()['receipts'][0]}"
    promised = verified(shop.get(receipt).json()["jws"])
    early = shop.get(f"{receipt}/proof")
    seal()

    proof = shop.get(f"{receipt}/proof").json()

    assert early.status_code == 404
    assert "within a minute" in early.json()["detail"]
    assert promised["merge_by"] > promised["recorded_at"]
    assert promised["leaf_hash"] == f"sha256:{proof['leaf_hash']}"
    publics = {row.key_id: bytes(row.public) for row in SigningKey.objects.all()}
    said = open_note(proof["checkpoint"], publics).checkpoint
    (leaf,), path = hashes([proof["leaf_hash"]]), hashes(proof["path"])
    assert is_included(leaf, proof["leaf_index"], said.size, path=path, root=said.root)


def test_proofs_of_others_are_not_found(shop):
    receipt = post(shop, body(make_user())).json()["receipts"][0]
    seal()

    assert shop.get(f"/v1/consents/{make_user()}/receipts/{receipt}/proof").status_code == 404


def test_an_auditor_follows_the_ledger_by_its_checkpoints(auditor):
    append_many(2)
    seal()
    old = auditor.get("/v1/ledger/checkpoints/latest").json()
    append_many(3)
    seal()
    new = auditor.get("/v1/ledger/checkpoints/latest").json()

    proof = auditor.get(f"/v1/ledger/consistency?from={old['size']}&to={new['size']}").json()

    roots = dict(zip(("old_root", "new_root"), hashes([old["root"], new["root"]]), strict=True))
    assert is_consistent(old["size"], new["size"], path=hashes(proof["path"]), **roots)
    keys = auditor.get("/v1/ledger/keys").json()
    assert keys == proving.public_keys()
    assert keys["keys"][0]["verifier_key"].startswith(keys["origin"])


@pytest.mark.parametrize("size", ["", "-1", "x", "1e3", "٣", "0", "9" * 15, "9" * 40])
def test_sizes_that_are_none_are_refused_by_name(auditor, size):
    append_many(1)
    seal()

    answer = auditor.get("/v1/ledger/consistency", {"from": "1", "to": size})

    assert answer.status_code in (404, 422), answer.content
    assert answer.json()["detail"]


def test_whoever_reads_the_ledger_reads_no_person(auditor):
    assert auditor.get(f"/v1/consents/{make_user()}").status_code == 403
    del auditor.defaults["HTTP_AUTHORIZATION"]
    assert auditor.get("/v1/ledger/keys").status_code == 401
