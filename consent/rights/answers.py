"""The answers kept for repeated requests, as far as they name somebody: the store of them."""

from datetime import datetime

from django.db import connection

from consent.rights.naming import forms_of, namer_of
from consent.rights.stores import Store, Subject
from rtts_site.foundation.models import IdempotentRequest

# A superset: a neighbour's "user:c-42" has "user:c-4" in it too.
_NEAR = (
    "select id, body from foundation_idempotentrequest where body is not null and exists"
    " (select 1 from unnest(%s::text[]) as one where position(convert_to(one, 'UTF8') in body) > 0)"
)


def kept_answers() -> Store:
    """Return the store of them; a neighbour's answer stays, or their repeat would be performed again."""
    return Store(
        name="answers kept for repeated requests",
        covers=("table:foundation.IdempotentRequest",),
        remove=_remove,
        count=lambda subject: len(_answers(subject)),
    )


def _remove(subject: Subject, _now: datetime) -> int:
    return IdempotentRequest.objects.filter(pk__in=_answers(subject)).delete()[0]


def _answers(subject: Subject) -> list[int]:
    names = (*subject.people, *subject.identifiers)
    is_named = namer_of(names)
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, [sorted({form for name in names for form in forms_of(name)})])
        found = [(pk, bytes(body).decode(errors="replace")) for pk, body in cursor.fetchall()]
    return [pk for pk, text in found if is_named(text)]
