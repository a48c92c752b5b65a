"""What lines of the log leave out: addresses of requests, which may hold who somebody is or a token."""

import logging

from django.http import HttpRequest

NOWHERE = "an address that there is not"


class RoutesForPaths(logging.Filter):
    """Names the route of a request, e.g. ``v1/profiles/<name>``, where Django writes its path."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and isinstance(record.args, tuple):
            path = request.path.encode("unicode_escape").decode("ascii")  # as Django writes it
            record.args = tuple(_route_of(request) if one == path else one for one in record.args)
        return True


def _route_of(request: HttpRequest) -> str:
    return request.resolver_match.route if request.resolver_match else NOWHERE
