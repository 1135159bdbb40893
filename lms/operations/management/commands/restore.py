"""`manage.py restore`: a backup brought back into an empty place."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lms.operations import backup, restore
from lms.operations.archive import Trouble

_MOST_NAMED = 10


class Command(BaseCommand):
    help = (
        "Bring a backup back, whole or not at all, into an empty place: no database, no "
        "keys, no files. End the processes before, migrate afterwards."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The backup; or - to read it from a pipe.")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        begun = time.monotonic()
        try:
            if file == "-":
                about = restore.restore(sys.stdin.buffer)
            else:
                with backup.told(), Path(file).open("rb") as opened:
                    about = restore.restore(opened)
        except Trouble as trouble:
            raise CommandError(f"Nothing was brought back. {trouble}") from None
        self.stdout.write(
            f"Brought back as it was on {about.made_at:%Y-%m-%d at %H:%M:%S} UTC: "
            f"{about.rows:,} rows, in {time.monotonic() - begun:.1f} seconds."
        )
        for remark in restore.remarks(about):
            self.stdout.write(remark)
        if "private" not in about.files_elsewhere:
            self._tell_certificates(restore.files_of_certificates())
        self.stdout.write(
            "People who were erased after that moment are back: erase them again. Now "
            "run: manage.py migrate"
        )

    def _tell_certificates(self, files: restore.Files) -> None:
        if not files.missing and not files.changed:
            self.stdout.write(
                f"All {files.right:,} files of certificates are what they were."
            )
            return
        for what, names in (("missing", files.missing), ("changed", files.changed)):
            for name in names[:_MOST_NAMED]:
                self.stdout.write(f"{name} is {what}.")
        raise CommandError(
            f"All was brought back as it lay in the backup, but of the certificates' "
            f"files {len(files.missing)} are missing and {len(files.changed)} are "
            "another than their rows say. One that was erased while the backup was made "
            "may be missing."
        )
