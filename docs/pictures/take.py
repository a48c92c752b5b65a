"""Takes the README's pictures from the demo that `make up` runs: .venv/bin/python docs/pictures/take.py [VAR] [URL]."""

import json
import sys
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests import programs  # noqa: E402 - finds Chromium, needs the path above

SEGMENT = "thrifty-families"
SIZE = {"width": 1280, "height": 880}


def main() -> None:
    """Ask for the demo's decision and photograph the page that explains it, and a segment's builder."""
    var = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "var"
    base_url = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8000"
    welcome = json.loads((var / "demo.json").read_text())
    people = {one["role"]: one for one in welcome["sign_ins"]}
    decision = decide(base_url, welcome["key"], welcome["request"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=programs.chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.set_default_timeout(60_000)
        sign_in(page, base_url, people["marketer"])
        page.goto(f"{base_url}/admin/campaigns/segment/?q={SEGMENT}")
        page.locator("#result_list tbody th a").first.click()
        page.locator(".rb-count").wait_for()
        take(page, "segment-builder")
        page.goto(f"{base_url}/admin/decisioning/decisionrecord/?q={decision}")
        take(page, "decision-explanation")
        browser.close()


def decide(base_url: str, key: str, request: dict[str, object]) -> str:
    """Return the id of a new decision."""
    asked = urllib.request.Request(  # noqa: S310 - the address is the caller's own
        f"{base_url}/v1/decisions",
        json.dumps(request).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:  # noqa: S310
        return str(json.load(answer)["decision_id"])


def sign_in(page: Page, base_url: str, person: dict[str, str]) -> None:
    """Sign a demo person in."""
    page.goto(f"{base_url}/admin/login/")
    page.get_by_label("User name").fill(person["user"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")


def take(page: Page, name: str) -> None:
    """Write the visible page as a picture."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}.png")


if __name__ == "__main__":
    main()
