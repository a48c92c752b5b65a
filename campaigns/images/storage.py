"""Files in PostgreSQL: every web machine and worker reaches them, and they are in its backups."""

from typing import IO, Any
from urllib.parse import quote

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from campaigns.models import StoredFile


@deconstructible
class DatabaseStorage(Storage):
    """A Django storage of small files that never change; a name that is taken keeps its file."""

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        content = StoredFile.objects.filter(name=name).values_list("content", flat=True).first()
        if content is None:
            raise FileNotFoundError(name)
        return ContentFile(bytes(content), name=name)

    def _save(self, name: str, content: IO[Any]) -> str:
        data = content.read()
        StoredFile.objects.get_or_create(name=name, defaults={"content": data, "size": len(data)})
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name as it is: names say what is in the file."""
        return name

    def exists(self, name: str) -> bool:
        """Return whether there is such a file; one query."""
        return StoredFile.objects.filter(name=name).exists()

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        StoredFile.objects.filter(name=name).delete()

    def size(self, name: str) -> int:
        """Return how many bytes a file has; one query."""
        found = StoredFile.objects.filter(name=name).values_list("size", flat=True).first()
        if found is None:
            raise FileNotFoundError(name)
        return found

    def url(self, name: str | None) -> str:
        """Return the address that a file is served at."""
        base: str = settings.MEDIA_URL
        return base + quote(name or "")
