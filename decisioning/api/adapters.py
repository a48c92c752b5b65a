"""The wire handlers of other products' protocols: PostHog capture, Snowplow tp2, settings that browser libraries ask for."""

import base64
import functools
from typing import Any, Final

import msgspec

from decisioning.api.events import check_length, intake_of, take
from decisioning.api.http import EVENT_BATCH_BODY_BYTES, Request, Response, decode, route
from decisioning.api.presented import (
    in_posthog,
    in_segment,
    in_settings_path,
    in_snowplow,
    open_posthog,
)
from decisioning.ingestion import posthog, snowplow
from decisioning.ingestion.log import HARD_MARK, SOFT_MARK
from rtts_site.foundation.limits import EVENTS
from rtts_site.foundation.problems import Problem

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SNOWPLOW_PATHS: Final = ("/com.snowplowanalytics.snowplow/tp2",)
POSTHOG_PATHS: Final = ("/batch", "/capture", "/e", "/i/v0/e", "/track")

_posthog_decoder = msgspec.json.Decoder(posthog.PostHogBody)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_snowplow_decoder = msgspec.json.Decoder(snowplow.SnowplowBatch)


async def receive_posthog(request: Request) -> Response:
    """Answer a batch, a list of events or one event."""
    body = open_posthog(request.body)
    sent_at: str | None = None
    if body[:1] == b"[":
        items = decode(body, _list_decoder)
    else:
        sent = decode(body, _posthog_decoder)
        items = [msgspec.Raw(body)] if sent.batch is None else sent.batch
        sent_at = sent.sent_at
    check_length("/batch", items)
    claims = [msgspec.Raw(msgspec.json.encode(one)) for one in map(posthog.as_claim, items)]
    intake = await intake_of(request, claims if request.key.kind == "browser" else [])
    records, refusals = posthog.read_events(items, intake=intake, sent_at=sent_at)
    return await take(records, refusals, mark=SOFT_MARK, items=items, source=intake.source)


async def receive_snowplow(request: Request) -> Response:
    """Answer payloads that were posted."""
    payloads = decode(request.body, _snowplow_decoder).data
    check_length("/data", payloads)
    return await take_payloads(request, payloads)


async def receive_pixel(request: Request) -> Response:
    """Answer one payload in a query with the smallest picture there is."""
    await take_payloads(request, [request.query])
    return Response(200, PIXEL, ((b"cache-control", b"no-store"),), b"image/gif")


async def take_payloads(request: Request, payloads: list[Any]) -> Response:
    """Read and take payloads of trackers."""
    intake = await intake_of(request, [])
    records, refusals = snowplow.read_payloads(
        payloads,
        intake=intake,
        secret=request.secret,
        user_agent=request.headers.get("user-agent", ""),
    )
    mark = SOFT_MARK if len(payloads) > 1 else HARD_MARK
    shown = [{**one, "aid": "", "tna": ""} for one in payloads]  # one of them may be the key
    return await take(records, refusals, mark=mark, items=shown, source=intake.source)


async def send_segment_settings(request: Request) -> Response:
    """Answer what analytics.js asks for before it starts: that its events come here."""
    if not request.path.endswith("/settings"):
        raise Problem(404, "Not found", "Ask for /v1/projects/<browser key>/settings.")
    settings = {
        "integrations": {
            "Segment.io": {
                "apiKey": request.secret,
                "apiHost": f"{request.headers.get('host', '')}/v1",
                "protocol": scheme_of(request),
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "remotePlugins": [],
    }
    return Response(200, msgspec.json.encode(settings), ((b"cache-control", b"no-store"),))


async def send_rudder_settings(request: Request) -> Response:
    """Answer what RudderStack's browser library asks for: a source without other destinations."""
    source = {
        "id": request.key.id,
        "name": "rtts",
        "writeKey": request.secret,
        "config": {"statsCollection": {"errors": {"enabled": False}}},
        "enabled": True,
        "workspaceId": "rtts",
        "destinations": [],
        "connections": [],
        "dataplanes": {},
    }
    body = msgspec.json.encode({"source": source, "updatedAt": None})
    return Response(200, body, ((b"cache-control", b"no-store"),))


def scheme_of(request: Request) -> str:
    """Return the scheme that the client used, as a proxy before this server says."""
    said = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return said if said in ("http", "https") else request.scheme


def register() -> None:
    """Put the handlers on their paths."""
    take_route = functools.partial(route, scope="events", limit=EVENT_BATCH_BODY_BYTES, rate=EVENTS)
    for path in POSTHOG_PATHS:
        for one in (path, f"{path}/"):
            take_route("POST", one, find_key=in_posthog)(receive_posthog)
    for path in SNOWPLOW_PATHS:
        take_route("POST", path, find_key=in_snowplow)(receive_snowplow)
    take_route("GET", "/i", find_key=in_snowplow)(receive_pixel)
    take_route("GET", "/v1/projects/*", find_key=in_settings_path)(send_segment_settings)
    for path in ("/sourceConfig", "/sourceConfig/"):
        take_route("GET", path, find_key=in_segment)(send_rudder_settings)


register()
