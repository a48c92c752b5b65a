"""The only place that names where events come in from: API keys, connected systems, imports."""

from typing import Final

from decisioning.models import Import, Source
from rtts_site.foundation.models import ApiKey

IMPORTS: Final = 200  # the newest


def source_names() -> dict[str, str]:
    """Return the names of sources by what records call them; three queries."""
    found = {str(key): name for key, name in ApiKey.objects.values_list("id", "name")}
    found |= {f"source:{key}": name for key, name in Source.objects.values_list("key", "name")}
    newest = Import.objects.order_by("-pk").values_list("pk", "file_name")[:IMPORTS]
    return found | {f"import:{pk}": name for pk, name in newest}


def senders() -> list[tuple[str, str]]:
    """Return (source, name) of what may send events now, by name; two queries."""
    keys = ApiKey.objects.filter(revoked_at=None, scopes__overlap=["events", "import"])
    found = [(str(key), name) for key, name in keys.values_list("id", "name")]
    systems = Source.objects.filter(is_active=True).values_list("key", "name")
    return sorted(
        [*found, *((f"source:{key}", name) for key, name in systems)], key=lambda one: one[1]
    )
