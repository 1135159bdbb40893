"""`manage.py backup`: all that cannot be made anew, in one file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lms.operations import backup, restore
from lms.operations.archive import Trouble


class Command(BaseCommand):
    help = (
        "Write the database, all files and the keys into one file, while the house is "
        "open. It holds people's data and private keys: keep it as safe as the house, "
        "on another machine. SECRET_KEY is not in it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to",
            metavar="PLACE",
            help="A folder; or the file, ending in .tar; or - to hand it on through a "
            "pipe, such as: backup --to - | age -r KEY > backup.tar.age. Otherwise "
            f"{backup.default_folder()}.",
        )
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="Afterwards leave the N newest in the folder, and delete the others.",
        )
        parser.add_argument(
            "--check",
            metavar="FILE",
            help="Make none: read this one to its end, and say whether it is whole.",
        )

    def handle(
        self, *args: Any, to: str, keep: int | None, check: str, **options: Any
    ) -> None:
        if keep is not None and (keep < 1 or to == "-"):
            raise CommandError("--keep is a number from 1 on, and for a folder.")
        try:
            if check:
                self._check(check)
            elif to == "-":
                made = backup.pipe(sys.stdout.buffer)
                self._tell(made, "Handed on", self.stderr)
            else:
                place = Path(to) if to else backup.default_folder()
                made = backup.back_up(place.absolute(), keep=keep)
                self._tell(made, str(made.path), self.stdout)
        except Trouble as trouble:
            raise CommandError(str(trouble)) from None

    def _tell(self, made: backup.Made, what: str, out: Any) -> None:
        out.write(
            f"{what}: {made.bytes / 1e6:,.1f} MB, {made.rows:,} rows and "
            f"{made.files:,} files, in {made.seconds:.1f} seconds.",
            self.style.SUCCESS,
        )
        for kind in made.elsewhere:
            out.write(
                f"The files of {kind} are kept elsewhere, and are not in it: let the "
                "storage keep their versions.",
                self.style.WARNING,
            )
        out.write(
            "It holds people's data and private keys: keep it as safe as this machine, "
            "and on another. SECRET_KEY is not in it.",
            str,
        )

    def _check(self, name: str) -> None:
        with backup.told(), Path(name).open("rb") as file:
            found = restore.check(file)
        about = found.about
        self.stdout.write(
            f"{name} is whole: {about.made_at:%Y-%m-%d %H:%M} UTC, version "
            f"{about.version}, {about.engine}, {about.rows:,} rows, {found.parts:,} "
            f"files, {found.bytes / 1e6:,.1f} MB."
        )
        for remark in restore.remarks(about):
            self.stdout.write(remark)
