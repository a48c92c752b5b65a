"""Pictures: what is refused, that nothing but the picture is kept, sizes, addresses, removal."""

import io
import zlib
from contextlib import suppress

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from campaigns import drafts, tasks
from campaigns.candidates import candidate_of
from campaigns.images import limits
from campaigns.images.library import content_of, original_name, storage, take_in, used, widths_for
from campaigns.images.reading import NotAPicture, look_at, sizes
from campaigns.models import Item, Picture
from campaigns.models.items import Kind
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import NOW

pytestmark = pytest.mark.usefixtures("redis")  # the worker that makes sizes does other jobs too


def drawn(form="PNG", size=(400, 200), mode="RGB", **options):
    out = io.BytesIO()
    Image.effect_mandelbrot(size, (-2, -1, 1, 1), 20).convert(mode).save(out, form, **options)
    return out.getvalue()


def photograph():
    """Return a photograph taken sideways, with a place and a camera in it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret camera"
    exif.get_ifd(0x8825)[1] = "N"
    return drawn("JPEG", exif=exif)


@pytest.mark.parametrize("form", limits.FORMATS)
def test_pictures_are_known_by_what_is_in_them(form):
    look = look_at(drawn(form))

    assert (look.format, look.width, look.height) == (form, 400, 200)


REFUSED = {
    "nothing": (b"", "Upload a PNG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Upload a PNG"),
    "pdf": (b"%PDF-1.4", "Upload a PNG"),
    "head only": (b"GIF89a", "Upload a PNG"),
    "bmp": (drawn("BMP"), "Upload a PNG"),
    "tiff": (drawn("TIFF"), "Upload a PNG"),
    "ico": (drawn("ICO", size=(64, 64)), "Upload a PNG"),
    "half a png": (drawn()[:400], "broken"),
    "half a jpeg": (drawn("JPEG")[:-4000], "broken"),
    "tiny": (drawn(size=(8, 8)), "at least 16 pixels"),
    "wide": (drawn(size=(limits.MAX_SIDE + 1, 16)), "Make it smaller"),
    "heavy": (b"x" * (limits.MAX_BYTES + 1), "at most 10 MB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_in_words(name):
    data, words = REFUSED[name]

    with pytest.raises(NotAPicture, match=words):
        look_at(data)


def test_a_moving_picture_is_refused():
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    for form in ("GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        frames[0].save(out, form, save_all=True, append_images=frames[1:])
        with pytest.raises(NotAPicture, match="does not move"):
            look_at(out.getvalue())


def test_a_bomb_is_refused_before_it_is_decoded():
    # A few kilobytes that say they are 20,000 by 20,000 pixels.
    header = bytearray(drawn(size=(16, 16)))
    header[16:24] = (20_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")

    with pytest.raises(NotAPicture, match="Make it smaller"):
        look_at(bytes(header))


def test_sizes_are_upright_and_hold_nothing_but_the_picture():
    assert (look_at(photograph()).width, look_at(photograph()).height) == (200, 400)

    for width, ending, data in sizes(photograph(), (100, 200)):
        with Image.open(io.BytesIO(data)) as made:
            assert made.size == (width, 2 * width)
            assert not made.getexif()
            assert not {"exif", "xmp", "comment", "icc_profile"} & made.info.keys()
        assert b"Secret" not in data
        assert ending in ("webp", "jpg")


def test_what_is_see_through_stays_so():
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 128)).save(out, "PNG")

    made = {ending: data for _, ending, data in sizes(out.getvalue(), (32,))}

    assert set(made) == {"webp", "png"}
    with Image.open(io.BytesIO(made["png"])) as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize(
    ("width", "slots", "expected"),
    [
        (200, (), (200,)),
        (1_000, (), (320, 640, 1_000)),
        (1_000, (400,), (320, 400, 640, 800, 1_000)),
        (9_000, (), (320, 640, 1_280, 1_920, 2_560)),
    ],
)
def test_no_size_is_wider_than_the_picture(width, slots, expected):
    assert widths_for(width, slots) == expected


SMALL = [drawn(form, size=(48, 32)) for form in limits.FORMATS]


@settings(max_examples=30)
@given(st.data())
def test_any_file_is_looked_at_or_refused(data):
    whole = bytearray(data.draw(st.sampled_from(SMALL)))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))

    with suppress(NotAPicture):
        look_at(bytes(whole[:cut]))


@pytest.fixture
def marketer(mia):
    client = Client()
    client.force_login(mia)
    return client


@pytest.fixture
def analyst(ana):
    client = Client()
    client.force_login(ana)
    return client


def upload(client, data, name="tent.png", field="variants-0-content_picture"):
    file = SimpleUploadedFile(name, data, "text/html")
    return client.post(reverse("admin:rtts-picture-field", args=[field]), {f"{field}-upload": file})


@pytest.fixture
def picture(live, marketer):
    upload(marketer, photograph())
    tasks.do_jobs()
    return Picture.objects.get()


def test_an_upload_becomes_sizes_at_addresses_that_never_change(client, picture):
    assert (picture.state, picture.widths) == ("ready", [200])
    assert Job.objects.get(pk=int(picture.job)).state == "done"
    assert not storage().exists(original_name(picture.sha256))

    answer = client.get(f"/media/{picture.sha256}/1-200.jpg")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers
    assert client.get(f"/media/{picture.sha256}/original").status_code == 404
    assert client.get(f"/media/{'0' * 64}/1-200.jpg").status_code == 404


def test_the_same_file_is_the_same_picture(live, marketer, picture):
    page = upload(marketer, photograph(), name="again.jpg")

    assert Picture.objects.count() == 1
    assert picture.sha256 in page.content.decode()


def test_no_worker_sees_a_job_before_its_picture(live, mia):
    seen = []

    def look(**_fields):
        seen.append((connection.in_atomic_block, len(connection.savepoint_ids)))

    outside = len(connection.savepoint_ids)
    post_save.connect(look, sender=Job)
    try:
        take_in(drawn(), name="a.png", by=mia, slots=(), now=NOW)
    finally:
        post_save.disconnect(look, sender=Job)

    assert seen == [(True, outside + 1)]


def test_a_picture_whose_job_is_over_is_made_when_it_is_uploaded_again(live, mia):
    left = take_in(drawn(), name="a.png", by=mia, slots=(), now=NOW)
    Job.objects.filter(pk=left.job).update(state=Job.State.DONE)

    take_in(drawn(), name="a.png", by=mia, slots=(), now=NOW)
    tasks.do_jobs()

    assert Picture.objects.get().state == Picture.State.READY


def test_a_refused_upload_says_why(live, marketer):
    page = upload(marketer, b"<svg/>", name="x.png")

    assert "Upload a PNG" in page.content.decode()
    assert not Picture.objects.exists()


def test_an_analyst_uploads_nothing(live, analyst):
    assert upload(analyst, photograph()).status_code == 403


def test_an_unused_picture_is_listed_and_removed(live, marketer, picture):
    page = marketer.get(reverse("admin:rtts-pictures"), {"unused": "1"})
    assert "tent.png" in page.content.decode()

    marketer.post(reverse("admin:rtts-picture-remove", args=[picture.pk]))

    assert not Picture.objects.exists()
    assert not storage().exists(f"{picture.sha256}/1-200.webp")


def test_a_picture_that_a_draft_shows_stays(live, mia, marketer, picture):
    offer = Item.objects.get(kind=Kind.OFFER, key="winter-sale")
    body = dict(offer.live_revision.body)
    body["variants"][0]["content"]["image"] = content_of(picture, alt="A tent")
    change = drafts.ensure_change(mia, now=NOW)
    draft = drafts.Draft(kind=Kind.OFFER, key=offer.key, body=body)
    drafts.save_draft(change, draft, author=mia, now=NOW)

    assert used() == {picture.sha256}
    page = marketer.post(
        reverse("admin:rtts-picture-remove", args=[picture.pk]), follow=True
    ).content.decode()
    assert "it stays" in page
    assert Picture.objects.exists()


def test_nobody_submits_a_picture_that_cannot_be_shown_yet(live, mia, marketer):
    upload(marketer, photograph())
    body = dict(Item.objects.get(kind=Kind.OFFER, key="winter-sale").live_revision.body)
    body["variants"][0]["content"]["image"] = content_of(Picture.objects.get(), alt="A tent")
    change = drafts.ensure_change(mia, now=NOW)
    draft = drafts.Draft(kind=Kind.OFFER, key="winter-sale", body=body)
    drafts.save_draft(change, draft, author=mia, now=NOW)

    (finding,) = candidate_of(change).findings()
    assert "still being prepared" in finding.message

    tasks.do_jobs()
    assert candidate_of(change).findings() == []
