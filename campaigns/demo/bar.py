"""How loading tells its progress: a bar on a terminal, a line for each tenth elsewhere."""

import time
from typing import TextIO

WIDTH = 30
EVERY_S = 0.1


class Bar:
    """Shows one step after another; call it with what is done, how much, of how much."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self._out = out
        self._is_terminal = out.isatty()
        self._what = ""
        self._tenth = -1
        self._shown_at = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` is done; a total of 0 is done."""
        if what != self._what:
            self.close()
            self._what, self._tenth = what, -1
        if self._is_terminal:
            self._draw(done, total)
        else:
            self._tell(done, total)

    def close(self) -> None:
        """End the line of the step that is shown."""
        if self._what and self._is_terminal:
            self._out.write("\n")
        self._what = ""

    def _draw(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._shown_at < EVERY_S:
            return
        self._shown_at = now
        filled = WIDTH * done // total if total else WIDTH
        bar = "#" * filled + "." * (WIDTH - filled)
        self._out.write(f"\r  {self._what:<12} [{bar}] {done:,} of {total:,}")
        self._out.flush()

    def _tell(self, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 10
        if tenth > self._tenth and (tenth in (5, 10)):
            self._out.write(f"demo: {self._what} {done:,} of {total:,}\n")
            self._out.flush()
        self._tenth = max(tenth, self._tenth)
