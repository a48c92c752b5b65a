"""The addresses of the demo shop."""

from typing import Any

urlpatterns: list[Any] = []
