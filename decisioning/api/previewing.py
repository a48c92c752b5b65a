"""How a request with a preview's token gets what to decide with, or is told what to do."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from decisioning.api.process import this_process
from decisioning.holder import Current
from decisioning.previews import PreviewRefused, Shelved, read_preview
from rtts_site.foundation.problems import Problem

WAIT_SECONDS: Final = 3.0  # for the thread that lays a preview out, the first time it is asked for
LOOK_SECONDS: Final = 0.02
POINTER: Final = "/options/preview"


async def previewed(token: str, current: Current, *, person: str) -> tuple[str, Current]:
    """Return the preview's id, and what it decides with: its change under the policy in force.

    Raises:
        Problem: 403 where the token shows nothing, or is for another person; 503 while it is being loaded.
    """
    try:
        preview_id = read_preview(token, now=datetime.now(UTC))
        shelved = await _shelved(preview_id)
    except PreviewRefused as error:
        raise refused(str(error)) from error
    if shelved.sealed.person and shelved.sealed.person != person:
        raise refused("This preview is for one test person: ask for that one.")
    return preview_id, replace(current, held=shelved.held)


async def _shelved(preview_id: str) -> Shelved:
    shelf = this_process().holder.previews
    since = time.monotonic()
    while time.monotonic() - since < WAIT_SECONDS:
        found = shelf.find(preview_id)
        if found is not None:
            return found
        why = shelf.missing(preview_id, since=since)
        if why:
            raise PreviewRefused(why)
        await asyncio.sleep(LOOK_SECONDS)
    raise Problem(
        503,
        "Preview not loaded yet",
        "The change is being loaded here: ask again in a second.",
        headers=[("Retry-After", "1")],
    )


def refused(detail: str) -> Problem:
    """Return the answer to a token that shows nothing."""
    return Problem(403, "Preview refused", detail, errors=[{"pointer": POINTER, "detail": detail}])
