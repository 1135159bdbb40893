"""`manage.py doctor`: is all well, and what to do where it is not."""

import json
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from lms.operations import doctor, mailing
from lms.operations.findings import Level

_MARKS = {Level.OK: "ok  ", Level.WARN: "look", Level.BAD: "BAD "}


class Command(BaseCommand):
    help = (
        "Look at every part of the installation, and say in a sentence each how it is. "
        "Ends with 0 when all is well, 1 when something should be looked at, 2 when "
        "something does not work."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument(
            "--mail",
            metavar="ADDRESS",
            help="send a mail there too, whose link says that it came",
        )
        parser.add_argument(
            "--only", metavar="PART", nargs="+", help="look at these parts alone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["mail"]:
            self._send(options["mail"])
        checks = doctor.CHECKS
        if options["only"]:
            checks = [check for check in checks if check.key in options["only"]]
        results = doctor.examine(checks)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(results), indent=2))
        else:
            self._tell(results)
        sys.exit(int(doctor.worst(results)))

    def _send(self, address: str) -> None:
        try:
            validate_email(address)
        except ValidationError:
            raise CommandError(f"{address!r} is not an email address.") from None
        mailing.send_test_mail(address)

    def _tell(self, results: list[doctor.Result]) -> None:
        for result in results:
            finding = result.finding
            title = f"{result.check.title}:"
            self.stdout.write(f"{_MARKS[finding.level]}  {title:15} {finding.words}")
            if finding.step:
                self.stdout.write(f"{'':22}→ {finding.step}")


def _as_json(results: list[doctor.Result]) -> list[dict[str, str]]:
    return [
        {
            "part": result.check.key,
            "level": result.finding.level.name.lower(),
            "words": result.finding.words,
            "step": result.finding.step,
        }
        for result in results
    ]
