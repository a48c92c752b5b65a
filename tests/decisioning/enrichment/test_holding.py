"""What privacy was decided holds wherever it cannot be read anew."""

from decisioning.enrichment import stored
from decisioning.enrichment.holding import IntakeHolder
from decisioning.enrichment.terms import DEFAULT, STRICT, Terms, packed

HASHES = Terms(undeclared="hash", off=("device",))


def decide(redis, terms):
    redis.set(stored.TERMS_KEY, packed(terms))
    redis.hset(stored.VERSIONS_KEY, "terms", "7")


def holder(redis, directory):
    return IntakeHolder(redis, salt=b"salt", directory=directory)


def test_before_anything_was_read_undeclared_traits_are_dropped(redis, tmp_path):
    assert holder(redis, tmp_path).terms == STRICT
    assert STRICT.undeclared == "drop"


def test_where_nobody_decided_the_defaults_hold(redis, tmp_path):
    made = holder(redis, tmp_path)
    made.look()

    assert made.terms == DEFAULT


def test_a_store_that_lost_the_terms_changes_nothing(redis, tmp_path):
    decide(redis, HASHES)
    made = holder(redis, tmp_path)
    made.look()
    redis.flushdb()
    made.look()
    later = holder(redis, tmp_path)
    later.look()

    assert made.terms == later.terms == HASHES


def test_a_process_that_starts_while_the_terms_are_missing_is_strict(redis, tmp_path):
    redis.hset(stored.VERSIONS_KEY, "terms", "7")
    made = holder(redis, tmp_path)
    made.look()

    assert made.terms == STRICT
