"""How the demo names its households, and what it makes up for each, always the same."""

import hashlib


def user_id(household: int) -> str:
    """Return the identifier that the demo's channels send, e.g. ``household-1``."""
    return f"household-{household}"


def anonymous_id(household: int) -> str:
    """Return the id of the household's browser before it signed in: 32 hexadecimal digits."""
    return hashlib.sha256(f"browser of household {household}".encode()).hexdigest()[:32]


def share_of(household: int, *, salt: str) -> float:
    """Return a number in [0, 1) that is always the same for a household and a salt."""
    digest = hashlib.sha256(f"{salt}:{household}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32


def store_place(store: str) -> dict[str, float]:
    """Return a made-up position of a store within 60 km of Cincinnati: the data has none."""
    digest = hashlib.sha256(f"store {store}".encode()).digest()
    return {
        "lat": round(39.10 + (digest[0] - 128) / 300, 4),
        "lon": round(-84.51 + (digest[1] - 128) / 240, 4),
    }
