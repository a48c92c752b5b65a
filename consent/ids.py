"""The maker of time-ordered random ids."""

import os
import uuid
from datetime import datetime


def uuid7(now: datetime) -> uuid.UUID:
    """Return a UUID of version 7: 48 bits of milliseconds, 74 random bits.

    Source: RFC 9562 section 5.7.
    """
    milliseconds = int(now.timestamp() * 1000).to_bytes(6, "big")
    value = bytearray(milliseconds + os.urandom(10))
    value[6] = 0x70 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return uuid.UUID(bytes=bytes(value))
