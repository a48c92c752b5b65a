"""``GET /v1/stream``: server-sent events with a person's new decision whenever their profile changes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

import msgspec
from django.conf import settings
from redis.asyncio.client import PubSub

from consent.people import Identifier, changed_channel, person_id, profile_key
from decisioning.answering import Call
from decisioning.api.decisions import forbidden, prove, settle, signalled
from decisioning.api.http import (
    MAX_KEY_STREAMS,
    MAX_PLACEMENTS,
    MAX_STREAMS,
    Receive,
    Request,
    Wire,
    route_stream,
)
from decisioning.api.process import this_process
from decisioning.messages import Ask, ConsentAsk, Options, PlacementAsk
from decisioning.profiles.profile import decode_profile
from decisioning.profiles.store import MAX_HOPS
from decisioning.round_trips import RedisUnavailable
from rtts_site.foundation.api_keys import KeyRecord
from rtts_site.foundation.problems import Problem, invalid_field
from rtts_site.foundation.redis_clients import Down, subscriber

logger = logging.getLogger("decisioning")

HEARTBEAT_SECONDS: Final = 5.0  # a quiet stream of a revoked key ends within this
LONGEST_SECONDS: Final = 600.0  # then the client connects again
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
encoder = msgspec.json.Encoder()


class Push(msgspec.Struct, frozen=True):
    """A trigger that fired for the person of a stream."""

    trigger: str
    placement: str


push_decoder = msgspec.json.Decoder(Push)


@route_stream("/v1/stream", scope="decisions")
async def get_stream(request: Request, wire: Wire) -> None:
    """Send a decision at once, then one after each change of the profile, until the client leaves."""
    call = await read_request(request)
    with place_of(request.key):
        headers = [*HEADERS, *wire.headers]
        await wire.send({"type": "http.response.start", "status": 200, "headers": headers})
        sender = asyncio.create_task(send_decisions(call, request, wire))
        leaving = asyncio.create_task(client_left(wire.receive))
        parts = {sender, leaving}
        try:
            await asyncio.wait(parts, timeout=LONGEST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            has_left = leaving.done()
        finally:
            await end(parts)
    if not has_left:
        await wire.send({"type": "http.response.body", "body": b"", "more_body": False})


async def end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks until they are over; on Python 3.11 `asyncio.wait_for` may swallow a cancellation."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.1)


@contextmanager
def place_of(key: KeyRecord) -> Iterator[None]:
    """Hold one of this process's streams.

    Raises:
        Problem: 429 where the key has too many open, 503 where the process has.
    """
    streams = this_process().streams
    if streams[key.id] >= MAX_KEY_STREAMS:
        detail = f"This key may have {MAX_KEY_STREAMS} streams open here."
        raise Problem(429, "Too many streams", detail, headers=[("Retry-After", "5")])
    if streams.total() >= MAX_STREAMS:
        detail = f"{MAX_STREAMS} streams are open here; try again shortly."
        raise Problem(503, "Too many streams", detail, headers=[("Retry-After", "5")])
    streams[key.id] += 1
    try:
        yield
    finally:
        streams[key.id] -= 1
        if not streams[key.id]:
            del streams[key.id]


async def read_request(request: Request) -> Call:
    """Return the call to answer again and again; streamed decisions reserve and log nothing.

    Raises:
        Problem: 422 or 403, naming the parameter.
    """
    names = [one for one in request.query.get("placements", "").split(",") if one]
    if not 0 < len(names) <= MAX_PLACEMENTS:
        raise invalid_field("/placements", "Name 1 to 30 placements, with commas between them.")
    for name in names:
        if not request.key.allows_placement(name):
            raise forbidden("/placements", f"This API key may not ask for {name}.")
    identifier = named(request)
    await prove_again(request, identifier)
    return Call(
        ask=Ask(
            person_id(identifier, pepper=settings.RTTS_PEPPER),
            tuple(PlacementAsk(name) for name in names),
            said_of_consent(request),
        ),
        given={},
        options=Options(),
        now=this_moment(),
        show_values=request.key.kind == "secret",
        reserve=False,
    )


def said_of_consent(request: Request) -> ConsentAsk:
    """Return what the request says about consent; a script can set no Sec-GPC, so it says ``gpc=1``."""
    if request.query.get("gpc") == "1":
        return ConsentAsk(gpc=True)
    return signalled(request.headers)


def named(request: Request) -> Identifier:
    """Return whom the headers name; an address is logged on its way, so it names nobody.

    Raises:
        Problem: 422 without anybody.
    """
    user = unquote(request.headers.get("x-user-id", ""))
    if 0 < len(user) <= 200:
        return Identifier("user", user)
    anonymous = unquote(request.headers.get("x-anonymous-id", ""))
    if not user and 0 < len(anonymous) <= 200:
        return Identifier("anonymous", anonymous)
    raise invalid_field(
        "/user_id", "Send X-User-Id or X-Anonymous-Id, 1 to 200 characters, percent-encoded."
    )


async def prove_again(request: Request, identifier: Identifier) -> None:
    """Check the proof that a browser key needs for a user.

    Raises:
        Problem: 403 without a good one, 503 while keys cannot be read.
    """
    if request.key.kind == "browser" and identifier.namespace == "user":
        await prove(identifier.value, request.headers.get("x-person-proof"))


async def send_decisions(call: Call, request: Request, wire: Wire) -> None:
    """Send decisions for as long as key and proof last."""
    identifier = named(request)
    try:
        async with aclosing(changes(call.ask.person)) as found:
            async for news in found:
                await wire.authenticate()
                await prove_again(request, identifier)
                body = await event(call, news, request.key)
                await wire.send({"type": "http.response.body", "body": body, "more_body": True})
    except Problem:
        return  # the key or the proof is gone
    except Exception:
        logger.exception("stream.failed")


async def event(call: Call, news: bool | Push, key: KeyRecord) -> bytes:
    """Return a decision as an event, or a comment that keeps the connection open."""
    if news is False:
        return b": still here\n\n"
    if isinstance(news, Push):
        return await pushed(call, news, key)
    answer = await settle(replace(call, now=this_moment()))
    return b"event: decision\ndata: " + encoder.encode(answer) + b"\n\n"


async def pushed(call: Call, push: Push, key: KeyRecord) -> bytes:
    """Return the decision that a trigger pushes, for its own placement; a comment where the key may not ask for it."""
    if not key.allows_placement(push.placement):
        return b": still here\n\n"
    ask = msgspec.structs.replace(call.ask, placements=(PlacementAsk(push.placement),))
    answer = await settle(replace(call, ask=ask, now=this_moment()))
    body = encoder.encode({"trigger": push.trigger, "decision": answer})
    return b"event: trigger\ndata: " + body + b"\n\n"


async def changes(person: str) -> AsyncGenerator[bool | Push]:
    """Yield True at once and after each change of the profile, False when nothing came for a while, and pushes.

    What happens to somebody who was merged is announced of whom they are by now.
    """
    async with subscriber().pubsub() as subscription:
        try:
            await follow(subscription, person)
            yield True
            while True:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=HEARTBEAT_SECONDS
                )
                if message is not None:
                    await follow(subscription, person)
                yield message is not None and (read_push(message["data"]) or True)
        except (*Down, RedisUnavailable):
            yield True  # the client connects again, to whatever is left


async def follow(subscription: PubSub, person: str) -> None:
    """Subscribe to a person and to everybody that merges made of them, and to nobody else."""
    wanted: set[bytes] = set()
    for _ in range(MAX_HOPS):
        channel = changed_channel(person)
        wanted.add(channel.encode())
        if channel.encode() not in subscription.channels:
            await subscription.subscribe(channel)
            await subscription.get_message(timeout=HEARTBEAT_SECONDS)  # that it is subscribed
        # Read after that: a merge from now on is announced there.
        (packed,) = await this_process().budget().ask([("GET", profile_key(person))])
        profile = decode_profile(packed if isinstance(packed, bytes) else None)
        if profile is None or not profile.merged_into:
            break
        person = profile.merged_into
    left = subscription.channels.keys() - wanted
    if left:
        await subscription.unsubscribe(*left)


def read_push(data: bytes) -> Push | None:
    """Return what a trigger pushes; None of a message that only says that the profile changed."""
    return push_decoder.decode(data) if data else None


async def client_left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def this_moment() -> datetime:
    """Return the time in whole milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
