"""`manage.py seal show|rotate`: the keys in use, and new ones in their place."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from certificates import keys
from certificates.keyfiles import BADGE, SEAL, KeyTrouble, keys_folder
from certificates.models import PublicKey


class Command(BaseCommand):
    help = "Show the keys that seal certificates and sign badges, or make new ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("show", help="Which keys are and were ours.")
        rotate = what.add_parser(
            "rotate",
            help="Make a new key; what the one before signed stays verifiable.",
        )
        rotate.add_argument("kind", choices=[SEAL, BADGE])

    def handle(
        self, *args: object, what: str, kind: str = "", **options: object
    ) -> None:
        try:
            if what == "rotate":
                self.stdout.write(f"In use from now on: {keys.rotate(kind)}")
            else:
                self._show()
        except KeyTrouble as trouble:
            raise CommandError(str(trouble)) from None

    def _show(self) -> None:
        self.stdout.write(f"Private keys lie in {keys_folder()}")
        for key in PublicKey.objects.all():
            until = f", retired {key.retired_at:%Y-%m-%d}" if key.retired_at else ""
            self.stdout.write(
                f"{key.kind}\t{key.fingerprint}\tmade {key.made_at:%Y-%m-%d}{until}"
            )
        if not PublicKey.objects.exists():
            self.stdout.write("None yet: each is made when it is first used.")
