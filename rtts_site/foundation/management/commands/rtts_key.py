"""Make an API key and print it, alone, on standard output."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from rtts_site.foundation import key_issuing
from rtts_site.foundation.api_keys import SCOPES
from rtts_site.foundation.redis_clients import redis_client


class Command(BaseCommand):
    help = "Make an API key and print it, alone, on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="who uses it, e.g. web-shop")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            dest="scopes",
            help=f"what it may do; repeat for more: {', '.join(SCOPES)}",
        )
        parser.add_argument("--by", default="", help="user name of who makes a management key")
        parser.add_argument("--browser", action="store_true", help="visible to visitors")
        parser.add_argument(
            "--origin", action="append", default=[], dest="origins", help="of a browser key"
        )
        parser.add_argument(
            "--placement",
            action="append",
            default=[],
            dest="placements",
            help="that a browser key may ask for; none given means all",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            _key, secret = key_issuing.issue(
                redis_client(),
                options["name"],
                scopes=options["scopes"],
                kind="browser" if options["browser"] else "secret",
                reach=key_issuing.Reach(options["origins"], options["placements"]),
                issued_by=_user(options["by"]) if options["by"] else None,
            )
        except key_issuing.KeyIssueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user “{name}”.")
    return user
