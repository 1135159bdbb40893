"""`manage.py log_check`: whether the log still says what it said."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lms.audit import chain


class Command(BaseCommand):
    help = (
        "Check the whole chain of the log; name the first break in words, and end "
        "with 1. Note the newest digest elsewhere, and check with it later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--noted", metavar="DIGEST", help="a digest noted before: is it there?"
        )

    def handle(self, *args: Any, noted: str | None, **options: Any) -> None:
        found = chain.check()
        if found.fault:
            raise CommandError(
                f"{found.fault} The {found.links} links before it are as they were."
            )
        if noted and not chain.is_noted(noted):
            raise CommandError(
                "The noted digest is not in the chain: what came before it was "
                "rewritten, or is of another database."
            )
        self.stdout.write(
            f"The log is as it was written: {found.events} events in {found.links} "
            f"links. {found.waiting} wait for their link."
        )
        if found.warning:
            self.stdout.write(found.warning)
        if found.newest:
            self.stdout.write(
                f"Newest: link {found.newest.number}, {found.newest.at:%Y-%m-%d %H:%M} "
                f"UTC, {found.newest.digest}"
            )
