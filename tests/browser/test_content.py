"""Content in the browser: tokens from the list, contexts, a picture, the preview; nothing unclean, nothing from outside."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser import axe

pytestmark = pytest.mark.browser

OFFER = "/admin/campaigns/offer/?q=gold-thanks"


def picture():
    out = io.BytesIO()
    Image.effect_mandelbrot((800, 400), (-2, -1, 1, 1), 20).convert("RGB").save(out, "JPEG")
    return {"name": "tent.jpg", "mimeType": "text/plain", "buffer": out.getvalue()}


def open_offer(visitor):
    visitor.open(OFFER)
    visitor.page.locator("#result_list tbody th a").first.click()
    visitor.page.locator("#content-preview").wait_for()
    return visitor.page


def test_an_offer_is_written_with_tokens_contexts_and_a_picture(visit):
    with visit("marketer") as visitor:
        page = open_offer(visitor)
        preview = page.locator("#content-preview")
        expect(preview.locator(".look").first).to_be_visible()

        # By keyboard: write, open the list, choose a token; it stands where one wrote.
        headline = page.locator("#id_variants-0-content_headline")
        headline.fill("Hello ")
        page.locator("#content-picker summary").focus()
        page.keyboard.press("Enter")
        page.locator('[data-token*="loyalty_tier"]').focus()
        page.keyboard.press("Enter")
        expect(headline).to_have_value('Hello {{ loyalty_tier | default: "…" }}')
        expect(preview.get_by_text("Hello gold").first).to_be_visible()

        headline.fill("Hello {{ loyalty_teir }}")
        expect(preview.get_by_text("do you mean “loyalty_tier”").first).to_be_visible()
        headline.fill("Hello {{ loyalty_tier }}")

        page.locator("#id_variants-0-languages").fill("de")
        page.locator("#preview-language").fill("fr")
        expect(preview.get_by_text("no variant for this context").first).to_be_visible()
        page.locator("#preview-language").fill("de-AT")
        expect(preview.get_by_text("Hello gold").first).to_be_visible()

        field = page.locator("#variants-0-content_picture-picture")
        field.locator("input[type=file]").set_input_files(picture())
        expect(field.get_by_text("800 × 400, ready")).to_be_visible()
        assert field.locator("img").evaluate("one => one.naturalWidth") == 320
        page.locator("#id_variants-0-content_alt").fill("A tent in the snow")
        expect(preview.get_by_alt_text("A tent in the snow").first).to_be_visible()

        assert axe.findings(page) == []
        assert visitor.errors == []


def test_what_html_may_not_hold_is_shown_before_it_is_gone(visit):
    with visit("marketer") as visitor:
        page = open_offer(visitor)
        html = page.locator("#id_variants-0-content_html")
        html.fill("<p>Thank you</p><script>alert(1)</script>")
        preview = page.locator("#content-preview")
        expect(preview.get_by_text("is taken out: <script>").first).to_be_visible()
        expect(preview.locator(".look-html").first).to_have_text("Thank you")

        page.locator('[name="_save"]').click()

        expect(page.get_by_text("This was taken out: <script>").first).to_be_visible()
        expect(page.locator("#id_variants-0-content_html")).to_have_value("<p>Thank you</p>")
        assert visitor.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_library_takes_a_picture_in_and_lets_it_go(visit, width):
    with visit("marketer", viewport={"width": width, "height": 844}) as visitor:
        visitor.open("/admin/pictures/")
        page = visitor.page
        file = picture()
        page.locator("#upload").set_input_files(
            file | {"name": f"unused-{width}.jpg", "buffer": file["buffer"] + bytes(width)}
        )
        page.get_by_role("button", name="Upload", exact=True).click()
        page.get_by_text(f"“unused-{width}.jpg” is in the library.").wait_for()
        assert axe.findings(page) == []
        page.get_by_role("button", name=f"Remove unused-{width}.jpg").click()
        page.get_by_text(f"“unused-{width}.jpg” is removed.").wait_for()
        assert visitor.errors == []


def test_a_refused_file_says_what_to_upload(visit):
    with visit("marketer") as visitor:
        page = open_offer(visitor)
        field = page.locator("#variants-0-content_picture-picture")
        field.locator("input[type=file]").set_input_files(
            {"name": "tent.png", "mimeType": "image/png", "buffer": b"<svg/>"}
        )
        expect(field.get_by_role("alert")).to_contain_text("Upload a PNG, JPEG, WebP or GIF")
        assert visitor.errors == []
