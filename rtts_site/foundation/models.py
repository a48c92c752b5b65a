"""The tables of what every app needs and none owns."""

from rtts_site.foundation.jobs import Job

__all__ = ["Job"]
