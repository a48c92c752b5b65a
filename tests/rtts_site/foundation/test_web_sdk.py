import base64
import gzip
import hashlib
import io
import re

from django.core.management import call_command
from django.test import Client

from rtts_site.foundation import web_sdk

GZIPPED = {"accept-encoding": "br, gzip"}


def test_the_sdk_is_small_as_it_is_served():
    answer = Client().get("/sdk/rtts.js", headers=GZIPPED)

    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.content) < web_sdk.MAX_BYTES == 8 * 1024
    assert gzip.decompress(answer.content) == web_sdk.SOURCE.read_bytes()


def test_pages_of_every_origin_may_pin_it():
    answer = Client().get("/sdk/rtts.js")
    pinned = re.search(r'integrity="sha384-([^"]+)"', web_sdk.tag("https://t.example", "rtts_bk_1"))

    assert base64.b64decode(pinned[1]) == hashlib.sha384(answer.content).digest()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"].startswith("text/javascript")


def test_an_address_with_its_hash_is_kept_for_ever():
    client = Client()

    kept = client.get(web_sdk.address())
    other = client.get("/sdk/rtts.js?v=another")
    known = client.get("/sdk/rtts.js", headers={"if-none-match": kept.headers["etag"]})

    assert "immutable" in kept.headers["cache-control"]
    assert "immutable" not in other.headers["cache-control"]
    assert (known.status_code, known.content) == (304, b"")


def test_a_key_cannot_break_out_of_the_element():
    assert '"><script>' not in web_sdk.tag("https://t.example", '"><script>')


def test_a_command_prints_the_hash():
    said = io.StringIO()

    call_command("rtts_sdk", base="https://t.example/", key="rtts_bk_1", stdout=said)

    assert web_sdk.load_script().integrity in said.getvalue()
    assert 'src="https://t.example/sdk/rtts.js?v=' in said.getvalue()
