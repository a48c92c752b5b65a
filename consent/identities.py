"""Which identifiers denote whom, kept as keyed hashes: enough to find a person, nothing to read."""

import hashlib
import hmac
from datetime import datetime

from django.conf import settings

from consent.models import Identity
from consent.people import Identifier


def link_identity(identifier: Identifier, person: str, *, now: datetime) -> None:
    """Note that an identifier denotes a person; one query, nothing where it is known."""
    row = Identity(
        kind=identifier.namespace,
        digest=identity_digest(identifier),
        person=person,
        linked_at=now,
    )
    Identity.objects.bulk_create([row], ignore_conflicts=True)


def identity_digest(identifier: Identifier) -> str:
    """Return the keyed hash of an identifier, hex."""
    text = f"identity:{identifier.namespace}:{identifier.value}"
    return hmac.new(settings.RTTS_PEPPER, text.encode(), hashlib.sha256).hexdigest()
