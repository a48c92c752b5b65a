"""The compiled form of a release: frozen values that travel as bytes and hold no code."""

from typing import Final

import msgspec

from decisioning.specs import AggregateSpec, Condition, ValueType

FORMAT: Final = 1


class ArtifactError(ValueError):
    """Bytes that are not an artifact of this version."""


class GroupKey(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """Rules that are asked together: those of a placement whose offers need the same purposes."""

    placement: str
    purposes: tuple[str, ...]  # sorted


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fact that the engine compares itself."""

    property: str  # "a3"
    fact: str  # attribute or aggregate key
    type: ValueType


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition that is computed outside; the engine sees its truth, or nothing where unknown."""

    property: str  # "p7"
    condition: Condition  # plain form, read again by `conditions.load`


class Ruleset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ruleset within the limits of the engine."""

    definition: str  # JSON; rules are called "r<number>_<path>"
    rules: tuple[str, ...]  # rule number -> rule name
    properties: tuple[str, ...]  # the only ones that it reads


class RuleGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one key."""

    key: GroupKey
    always: tuple[str, ...]  # rules that match everyone
    inputs: tuple[Input, ...]
    predicates: tuple[Predicate, ...]
    rulesets: tuple[Ruleset, ...]
    needs: tuple[str, ...]  # every fact key that is read, predicates included; sorted


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a release; equal releases give equal bytes."""

    digest: str  # of the release that it was compiled from
    groups: tuple[RuleGroup, ...]  # sorted by key
    aggregates: tuple[AggregateSpec, ...]  # to be kept while this is live; sorted by key
    format: int = FORMAT


def encode_artifact(artifact: Artifact) -> bytes:
    """Return the artifact as bytes, the same for the same release on every machine."""
    return msgspec.json.encode(artifact, order="deterministic")


def decode_artifact(data: bytes) -> Artifact:
    """Return the artifact of `encode_artifact`.

    Raises:
        ArtifactError: other bytes, or an artifact of another version.
    """
    try:
        artifact = msgspec.json.decode(data, type=Artifact)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"these bytes are not an artifact: {error}") from error
    if artifact.format != FORMAT:
        raise ArtifactError(f"artifact format {artifact.format} is not {FORMAT}: publish again")
    return artifact
