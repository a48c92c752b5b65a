import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from consent import entries
from consent.models import ConsentEvent, PersonKey
from consent.person_keys import CipherError
from consent.proof import facts
from consent.proof.erasing import erase_bodies, seal_first
from consent.proof.leaves import HOUSE_KEY
from consent.proof.sealing import SEAL_LOCK
from consent.proof.tables import LedgerPending
from rtts_site import embedded
from tests.consent.builders import NOW, POLICY, given, make_person, withdrawn
from tests.consent.conftest import record_policy
from tests.consent.proof.builders import append


def test_a_fact_is_read_back(db):
    event_id = facts.record_fact("release.published", {"version": 3}, now=NOW, actor="olga")

    told = dict(facts.facts_of("release.published"))[event_id]

    assert (told.fields, told.actor, told.recorded_at) == ({"version": 3}, "olga", NOW)
    assert ConsentEvent.objects.get(event_id=event_id).key_id == HOUSE_KEY


def test_whatever_is_appended_awaits_its_leaf(db):
    event_id = facts.record_fact("release.published", {"version": 3}, now=NOW)

    assert LedgerPending.objects.filter(event_id=event_id).count() == 1


def test_publishing_a_policy_is_a_fact(db):
    policy = record_policy(POLICY)

    facts_told = [fact.fields for _, fact in facts.facts_of(facts.POLICY_PUBLISHED)]
    (told, *_) = [one for one in facts_told if one["digest"] == policy.digest]
    assert (told["authors"], told["approved_by"]) == ("max", "olga")


def destroy(key_id):
    PersonKey.objects.filter(key_id=key_id).update(wrapped=None, destroyed_at=NOW)


def test_bodies_go_with_their_destroyed_key(db):
    ana, ben = append(make_person(), given(), withdrawn()), append(make_person(), given())
    destroy(ana)
    assert seal_first([ana], now=NOW) == 0

    erased = erase_bodies([ana], now=NOW)

    assert erased == 2
    assert not ConsentEvent.objects.filter(key_id=ana).exists()
    assert ConsentEvent.objects.filter(key_id=ben).count() == 1
    assert {"key": str(ana)} in [one.fields for _, one in facts.facts_of(facts.KEY_DESTROYED)]
    assert erase_bodies([ana], now=NOW) == 0


def test_bodies_of_a_key_in_use_stay(db):
    ana = append(make_person(), given())

    with pytest.raises(IntegrityError, match="goes only with its key"), transaction.atomic():
        erase_bodies([ana], now=NOW)
    assert ConsentEvent.objects.filter(key_id=ana).count() == 1


def test_no_body_goes_before_it_has_its_leaf(db):
    ana = append(make_person(), given())
    destroy(ana)

    with pytest.raises(IntegrityError, match="once it has its leaf"), transaction.atomic():
        erase_bodies([ana], now=NOW)

    assert seal_first([ana], now=NOW) == 0
    assert erase_bodies([ana], now=NOW) == 1


def test_what_another_process_is_sealing_is_waited_for(db):
    ana = append(make_person(), given())
    url = embedded.database_url(settings.RTTS_VAR, embedded.OWNER_ROLE)
    with psycopg.connect(url) as other:
        other.execute("select pg_advisory_lock(%s)", [SEAL_LOCK])

        assert seal_first([ana], now=NOW) == 1

    assert seal_first([ana], now=NOW) == 0


def test_no_body_goes_without_a_fact(db):
    ana = append(make_person(), given())
    destroy(ana)
    other = facts.record_fact(facts.KEY_DESTROYED, {"key": str(HOUSE_KEY)}, now=NOW)

    with (
        pytest.raises(IntegrityError, match="a fact that says so"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("select consent_erase_bodies(%s::uuid[], %s::uuid[])", [[ana], [other]])


def test_the_application_deletes_no_body_by_itself(db):
    ana = append(make_person(), given())
    destroy(ana)

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("delete from consent_consentevent where key_id = %s", [ana])


@pytest.mark.parametrize("role", [embedded.OWNER_ROLE, embedded.ADMIN_ROLE])
def test_not_even_the_owner_deletes_a_body_of_a_key_in_use(committed, role):
    key_id = append(make_person(), given())
    with (
        psycopg.connect(embedded.database_url(settings.RTTS_VAR, role)) as owner,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        owner.execute("delete from consent_consentevent where key_id = %s", [key_id])


@pytest.mark.parametrize(
    "column",
    ["schema_version = 1", "recorded_at = recorded_at + interval '1 ms'", "leaf_hash = body"],
)
def test_an_altered_row_does_not_open(committed, column):
    person = make_person()
    key_id = append(person, given())
    with psycopg.connect(embedded.database_url(settings.RTTS_VAR, embedded.OWNER_ROLE)) as owner:
        owner.execute("alter table consent_consentevent disable trigger append_only")
        owner.execute(f"update consent_consentevent set {column} where key_id = %s", [key_id])  # noqa: S608
        found = owner.execute(
            "select event_id, key_id, schema_version, recorded_at, body, leaf_hash "
            "from consent_consentevent where key_id = %s",
            [key_id],
        ).fetchone()
        owner.rollback()
    names = ("event_id", "key_id", "schema_version", "recorded_at", "body", "leaf_hash")

    with pytest.raises(CipherError, match="does not match its hash"):
        entries.open_entry(
            ConsentEvent(**dict(zip(names, found, strict=True))),
            entries.load_cipher(key_id),
        )
