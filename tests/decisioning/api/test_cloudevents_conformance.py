"""The HTTP protocol binding feature of the CloudEvents conformance project, run against the event endpoint."""

import json
import re
from pathlib import Path

import pytest

from consent import people
from decisioning.ingestion.records import decode_record
from tests.decisioning import making
from tests.decisioning.making import call

FOLDER = Path(__file__).parents[4] / "shared/data/cloudevents"
FEATURE = FOLDER / "http-protocol-binding.feature"
pytestmark = pytest.mark.skipif(not FEATURE.exists(), reason="../shared/data is absent")
BLOCK = re.compile(r'"""\n(.*?)"""', re.DOTALL)


def table(lines):
    """Return the rows of a Gherkin table."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in lines
        if line.strip().startswith("|")
    ]


def scenarios():
    """Yield (request text, expected attributes, expected data) of every example of the feature."""
    if not FEATURE.exists():
        return
    for outline in FEATURE.read_text().split("Scenario Outline:")[1:]:
        steps, _, examples = outline.partition("Examples:")
        for (content_type,) in table(examples.splitlines())[1:]:
            filled = steps.replace("<contentType>", content_type)
            request, data = BLOCK.findall(filled)
            (_, *rows) = table(filled.splitlines())
            yield pytest.param(request, dict(rows), json.loads(data), id=content_type)


def parsed(request):
    """Return method, headers and body of an HTTP request in text."""
    head, _, body = request.partition("\n\n")
    first, *lines = [line.strip() for line in head.strip().splitlines()]
    headers = {
        name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
    }
    return first.split()[0], headers, body.encode()


def stored(redis):
    for partition in range(people.PARTITIONS):
        for _, fields in redis.xrange(people.stream_key(partition)):
            yield decode_record(fields[b"r"])


@pytest.mark.parametrize(("request_text", "attributes", "data"), list(scenarios()))
async def test_an_event_is_read_as_the_feature_says(kept, store, request_text, attributes, data):
    key = making.make_key(kept, "events")
    method, headers, body = parsed(request_text)
    for name in ("host", "content-length"):
        headers.pop(name)

    reply = await call(method, "/v1/events", raw=body, headers=headers, key=key)

    assert (reply.status, reply.json["accepted"], reply.json["refused"]) == (200, 1, [])
    (record,) = stored(store)
    said = record.context["cloudevent"]
    assert record.message_id == f"{attributes['source']} {attributes['id']}"
    assert record.event == attributes["type"]
    assert record.event_time_ms == 1_522_900_584_000  # 2018-04-05T03:56:24Z
    assert (said["source"], said["datacontenttype"]) == (
        attributes["source"],
        attributes["datacontenttype"],
    )
    assert record.properties == data


REQUIRED = {"specversion": "1.0", "id": "1", "source": "urn:a", "type": "com.example.made"}
SAMPLES = [
    ({}, {}),
    ({"data": {"größe": "groß", "日本": "語"}}, {"größe": "groß", "日本": "語"}),
    ({"datacontenttype": "text/xml", "data": '<much wow="xml"/>'}, {"data": '<much wow="xml"/>'}),
    ({"datacontenttype": "image/png", "data_base64": "iVBORw0="}, {"data_base64": "iVBORw0="}),
    ({"data": [1, 2]}, {"data": [1, 2]}),
    ({"data": None, "dataschema": "urn:s", "subject": "ana", "extension1": "x"}, {}),
]


@pytest.mark.parametrize(("fields", "properties"), SAMPLES, ids=range(len(SAMPLES)))
async def test_whatever_the_schema_allows_is_accepted(kept, store, fields, properties):
    key = making.make_key(kept, "events")
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}

    reply = await call("POST", "/v1/events", REQUIRED | fields, headers=headers, key=key)

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    (record,) = stored(store)
    assert record.properties == properties


@pytest.mark.parametrize(
    ("content_type", "body", "properties"),
    [
        ("text/plain", b"plain", {"data": "plain"}),
        ("application/xml; charset=utf-8", "<ä/>".encode(), {"data": "<ä/>"}),
        ("application/octet-stream", b"\xff\x00", {"data_base64": "/wA="}),
        ("application/json", b"", {}),
    ],
)
async def test_binary_mode_takes_any_content(kept, store, content_type, body, properties):
    key = making.make_key(kept, "events")
    headers = {f"ce-{name}": value for name, value in REQUIRED.items()}
    headers |= {"content-type": content_type, "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80"}

    reply = await call("POST", "/v1/events", raw=body, headers=headers, key=key)

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    (record,) = stored(store)
    assert record.properties == properties
    assert record.identifiers == ("user:Euro € 😀",)


@pytest.mark.parametrize("missing", list(REQUIRED))
async def test_what_the_schema_requires_is_asked_for_by_name(kept, store, missing):
    key = making.make_key(kept, "events")
    event = {name: value for name, value in REQUIRED.items() if name != missing}
    headers = {"content-type": "application/cloudevents-batch+json"}

    reply = await call("POST", "/v1/events", [event, REQUIRED], headers=headers, key=key)

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert [one["pointer"] for one in reply.json["refused"]] == [f"/{missing}"]
