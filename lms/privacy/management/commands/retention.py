"""`manage.py retention`: end what has been kept long enough, or say what would end."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lms.privacy import retention


class Command(BaseCommand):
    help = "End what has been kept as long as the settings say."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Count, and change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        counts = (
            {rule.name: rule.found().count() for rule in retention.RULES}
            if options["dry_run"]
            else retention.apply()
        )
        for rule in retention.RULES:
            self.stdout.write(f"{counts[rule.name]:8}  {rule.what} ({rule.kept})")
