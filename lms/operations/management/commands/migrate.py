"""`manage.py migrate`, as Django has it, beside people at work."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections

LOCK_NOT_AVAILABLE = "55P03"
TRIES = 30


class Command(migrate.Command):
    help = (
        f"{migrate.Command.help} On PostgreSQL it waits for a table for a moment only, "
        "as whoever comes to it meanwhile waits behind; then it lets them by, and tries "
        "again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout",
            type=float,
            default=2.0,
            metavar="SECONDS",
            help="How long to wait for a table, on PostgreSQL (2).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        seconds: float = options.pop("lock_timeout")
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        for number in range(1, TRIES + 1):
            if self._has_migrated(connection, seconds, *args, **options):
                return
            self.stderr.write(
                f"Somebody is using a table that is to change; {number} of {TRIES}: "
                "letting them by, then trying again."
            )
            time.sleep(seconds)
        raise CommandError(
            "A table was in use all the time. What was migrated so far is right: end "
            "what holds it (a report, a backup), then run this again."
        )

    def _has_migrated(
        self, connection: Any, seconds: float, *args: Any, **options: Any
    ) -> bool:
        """Try once; False where a table was in use for longer than that."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {round(seconds * 1000)}")
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            return False
        finally:
            if connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
        return True
