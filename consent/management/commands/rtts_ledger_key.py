"""Show or exchange the key that the consent ledger is signed with."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from consent.proof import proving, sealing
from consent.proof.signing import SigningKeyError


class Command(BaseCommand):
    help = "Show the public keys of the consent ledger; --rotate makes a new key, vouched for by the former."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rotate", action="store_true", help="make a new key")
        parser.add_argument(
            "--leaked", action="store_true", help="make one, as this one is known to others"
        )
        parser.add_argument(
            "--lost", action="store_true", help="go on with a key that nothing vouches for"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            if options["rotate"] or options["leaked"]:
                why = "leaked" if options["leaked"] else "planned"
                sealing.exchange_key(now=timezone.now(), why=why)
            elif options["lost"]:
                sealing.seal_batch(now=timezone.now(), why="lost")
        except (SigningKeyError, sealing.LedgerAlteredError) as error:
            raise CommandError(str(error)) from error
        for key in proving.public_keys()["keys"]:
            self.stdout.write(f"from entry {key['since_size']:<9} {key['verifier_key']}")
