"""The only place that fetches axe-core, the accessibility rules that pages are checked with."""

import hashlib
import sys
import tarfile
from pathlib import Path

from tests import programs

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
HOME = Path(sys.prefix) / f"axe-core-{VERSION}"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, preload: false });
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} — ${node.failureSummary.split("\\n")[1] ?? ""}`));
}"""


def script():
    """Return the path of axe.min.js, fetched once."""
    path = HOME / "package/axe.min.js"
    if not path.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        programs.npm("pack", f"axe-core@{VERSION}", directory=HOME)
        archive = next(HOME.glob("*.tgz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise RuntimeError(f"axe-core {VERSION}: not the archive that was reviewed")
        with tarfile.open(archive) as tar:
            tar.extractall(HOME, filter="data")
    return path


def findings(page):
    """Return what axe has to say about a page, one line each."""
    if not page.evaluate("'axe' in window"):
        # Evaluated, not added as a script: the pages' policy forbids inline scripts.
        page.evaluate(script().read_text())
    return page.evaluate(RUN, TAGS)
