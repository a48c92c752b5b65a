"""Print the lines that put the web SDK into a page, with the hash that pins it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from rtts_site.foundation import web_sdk


class Command(BaseCommand):
    help = "Print the script element of the web SDK, its SRI hash and its size as served."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--base", default="https://targeting.example", help="where pages load it from"
        )
        parser.add_argument("--key", default="rtts_bk_YOUR_KEY", help="a browser key")

    def handle(self, *_: Any, **options: Any) -> None:
        script = web_sdk.load_script()
        self.stdout.write(web_sdk.tag(options["base"].rstrip("/"), options["key"]))
        self.stdout.write(f"integrity: {script.integrity}")
        self.stdout.write(
            f"size: {len(script.gzipped):,} bytes gzipped, {len(script.text):,} plain"
        )
