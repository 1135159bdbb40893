"""`manage.py certificate_sample`: a sealed file that certifies nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certificates.designing import current_design, design_of
from certificates.keyfiles import KeyTrouble
from certificates.render import CannotRender
from certificates.samples import NAME, sample
from certificates.seal import CannotSeal
from lms.people.names import one_line

_LONGEST_TITLE = 255  # as pages have it


class Command(BaseCommand):
    help = (
        "Make a sealed sample of a certificate in the design of today, to look at and "
        "to try validators on. It says that it is a sample, and its serial is nobody's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", required=True, help="The PDF file to write.")
        parser.add_argument("--name", default=NAME, help=f"Whose ({NAME}).")
        parser.add_argument(
            "--programme", default="", help="Its title; without, the first there is."
        )
        parser.add_argument(
            "--force", action="store_true", help="Write over a file that is there."
        )

    def handle(self, *args: object, **asked: Any) -> None:
        name, file = one_line(asked["name"]), Path(asked["out"])
        if not name:
            raise CommandError("The name has no letter that can be printed.")
        if len(asked["programme"]) > _LONGEST_TITLE:
            raise CommandError("A programme’s title has 255 letters at most.")
        try:
            pdf = sample(
                design_of(current_design()), name=name, programme=asked["programme"]
            )
        except CannotRender as reason:
            raise CommandError(f"It cannot be set: {reason}") from None
        except (KeyTrouble, CannotSeal) as trouble:
            raise CommandError(str(trouble)) from None
        try:
            with file.open("wb" if asked["force"] else "xb") as opened:
                opened.write(pdf)
        except FileExistsError:
            raise CommandError(
                f"{file} is there already: choose another, or add --force."
            ) from None
        except (OSError, ValueError) as error:  # the second of a name that can be none
            why = getattr(error, "strerror", None) or error
            raise CommandError(f"{file} cannot be written: {why}.") from None
        self.stdout.write(f"{file}: a sample for {name}, {len(pdf) // 1024} kB.")
