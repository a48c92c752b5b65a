"""The load generator of the benchmarks: keep-alive connections, interleaved rounds, ratios to a floor."""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked; `bodies` are sent in turn, and `is_right` judges each answer's body."""

    url: str
    bodies: tuple[bytes, ...] = ()  # none: GET
    headers: Mapping[str, str] = field(default_factory=dict)
    is_right: Callable[[bytes], bool] = lambda body: True


@dataclass(slots=True)
class Round:
    """What one round of one target gave; a wrong or degraded answer is an error, however fast."""

    seconds: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def rate(self):
        return (len(self.times_ms) - self.errors) / self.seconds

    def quantile(self, share):
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def _ask(reader, writer, request, is_right):
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.lower().split(b"content-length: ", 1)
    length = int(fields[1].split(b"\r\n", 1)[0]) if len(fields) == 2 else 0
    body = await reader.readexactly(length)
    return head.startswith(b"HTTP/1.1 200") and is_right(body)


def encode_requests(target):
    """Return the bytes of each request."""
    parts = urlsplit(target.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"host: {parts.netloc}",
        *(f"{name}: {value}" for name, value in target.headers.items()),
    ]
    if not target.bodies:
        return [("\r\n".join([f"GET {path} HTTP/1.1", *lines]) + "\r\n\r\n").encode()]
    requests = []
    for body in target.bodies:
        length = f"content-length: {len(body)}"
        head = "\r\n".join([f"POST {path} HTTP/1.1", *lines, length])
        requests.append(head.encode() + b"\r\n\r\n" + body)
    return requests


async def _connection(target, requests, first, end, result):
    parts = urlsplit(target.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    turn = first
    while time.perf_counter() < end:
        started = time.perf_counter()
        is_right = await _ask(reader, writer, requests[turn % len(requests)], target.is_right)
        result.times_ms.append((time.perf_counter() - started) * 1000)
        result.errors += not is_right
        turn += 7
    writer.close()
    await writer.wait_closed()


async def _run_round(target, connections, seconds):
    requests, result = encode_requests(target), Round()
    started = time.perf_counter()
    end = started + seconds
    await asyncio.gather(
        *(_connection(target, requests, n, end, result) for n in range(connections))
    )
    result.seconds = time.perf_counter() - started
    return result


def measure(target, *, connections=8, seconds=1.0):
    """Return one round of load on a target."""
    return asyncio.run(_run_round(target, connections, seconds))


async def _paced_connection(target, requests, first, every_s, goes_on, result):
    parts = urlsplit(target.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    due, turn = time.perf_counter(), first
    while goes_on():
        is_right = await _ask(reader, writer, requests[turn % len(requests)], target.is_right)
        result.times_ms.append((time.perf_counter() - due) * 1000)
        result.errors += not is_right
        turn += 7
        due += every_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    writer.close()
    await writer.wait_closed()


async def measure_paced(target, goes_on, *, rate, connections=8):
    """Return what a steady load gave, each time counted from when its request was due: a late one is not forgiven."""
    requests, result = encode_requests(target), Round()
    started = time.perf_counter()
    lines = (
        _paced_connection(target, requests, n, connections / rate, goes_on, result)
        for n in range(connections)
    )
    await asyncio.gather(*lines)
    result.seconds = time.perf_counter() - started
    return result


def compare(targets, *, floor, connections=8, rounds=5, seconds=1.0):
    """Print and return, by name, the median rounds of all targets, taken in turn, with ratios to `floor`.

    Only ratios hold between machines; interleaving makes them hold on a noisy one.
    """
    for target in targets.values():
        measure(target, connections=connections, seconds=0.3)
    taken = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            taken[name].append(measure(target, connections=connections, seconds=seconds))
    lines = {name: _summarise(results) for name, results in taken.items()}
    base = lines[floor]
    print(f"\n{connections} connections, {rounds} rounds of {seconds:g} s")
    print(f"{'':<28}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}{'of floor':>10}")
    for name, line in lines.items():
        share = line["rate"] / base["rate"] if base["rate"] else 0.0
        print(
            f"{name:<28}{line['rate']:>9.0f}{line['p50']:>9.2f}{line['p99']:>9.2f}"
            f"{line['errors']:>8}{share:>10.2f}"
        )
    return lines


def _summarise(results):
    return {
        "rate": statistics.median(result.rate for result in results),
        "p50": statistics.median(result.quantile(0.5) for result in results),
        "p99": statistics.median(result.quantile(0.99) for result in results),
        "errors": sum(result.errors for result in results),
        "answers": sum(len(result.times_ms) for result in results),
    }
