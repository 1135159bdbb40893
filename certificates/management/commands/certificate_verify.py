"""`manage.py certificate_verify`: what each of some files is, in words and as a code."""

from __future__ import annotations

import json
import re
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from certificates import answers, serials
from certificates.checking import NOT_READ, OUTCOMES, Checked, check
from certificates.keyfiles import KeyTrouble

LARGEST = 20 * 1024 * 1024  # bytes; a certificate has a hundredth of it
_SERIAL_AT_END = re.compile(r"(?:^|[^0-9A-Za-z])((?:[0-9A-Z]{4}-){3}[0-9A-Z])\.pdf$")


class Command(BaseCommand):
    help = "Say whether PDF files are certificates of ours, whole, and in force."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        codes = "\n".join(f"  {each.code:>2}  {each.word}" for each in OUTCOMES)
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=RawDescriptionHelpFormatter,
            epilog=f"Exit codes, the worst of them where there are several files:\n{codes}\n"
            "   1  It could not be looked into (no database, no keys)\n"
            "   2  The command was not understood\n"
            "The keys and the database of this installation are asked; no network is.",
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="PDF files.")
        parser.add_argument(
            "--serial",
            default="",
            help="The certificate that they are shown for; else the one in their name.",
        )
        parser.add_argument("--json", action="store_true", help="As a list in JSON.")

    def handle(self, *args: object, **asked: Any) -> None:
        wanted = serials.normalise(asked["serial"])
        if wanted and not serials.is_valid(wanted):
            raise CommandError("--serial is not a serial: a symbol is mistyped.")
        try:
            done = [(name, _check(name, wanted)) for name in asked["files"]]
        except (KeyTrouble, DatabaseError) as trouble:
            raise CommandError(f"This could not be looked into: {trouble}") from None
        if asked["json"]:
            self.stdout.write(json.dumps([_as_json(*each) for each in done], indent=2))
        else:
            for name, checked in done:
                self.stdout.write(_in_words(name, checked))
        if worst := max(checked.outcome.code for _name, checked in done):
            sys.exit(worst)


def _check(name: str, wanted: str) -> Checked:
    try:
        path = Path(name)
        if path.is_dir():
            return Checked(NOT_READ, ["This is a folder."])
        if path.exists() and not path.is_file():
            return Checked(NOT_READ, ["This is not a file."])
        with path.open("rb") as file:
            pdf = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # the second of a name that can be none
        reason = getattr(error, "strerror", None) or error
        return Checked(NOT_READ, [f"It cannot be opened: {reason}."])
    if len(pdf) > LARGEST:
        return Checked(
            NOT_READ, ["It is larger than 20 MB, and so no certificate of ours."]
        )
    return check(pdf, serial=wanted or _serial_in_name(path.name))


def _serial_in_name(name: str) -> str:
    """The serial at the end of a file's name, as ours are called."""
    match = _SERIAL_AT_END.search(name)
    serial = serials.normalise(match[1]) if match else ""
    return serial if serials.is_valid(serial) else ""


def _in_words(name: str, checked: Checked) -> str:
    lines = [f"{_printable(name)}: {checked.outcome.word}"]
    lines += [f"  {sentence}" for sentence in checked.says]
    if checked.certificate and (claim := checked.certificate.public_claim):
        facts = (claim["name"], claim["programme"]["title"], claim["reseller"])
        lines.append(
            f"  {serials.shown(checked.serial)}: {_printable(', '.join(facts))}"
        )
    return "\n".join(lines)


def _as_json(name: str, checked: Checked) -> dict[str, Any]:
    certificate = checked.certificate
    about = certificate and answers.answer(certificate.serial, "", certificate)
    return {
        "file": name,
        "status": checked.outcome.key,
        "code": checked.outcome.code,
        "says": checked.says,
        "serial": serials.shown(checked.serial) if checked.serial else None,
        "certificate": about["certificate"] if about else None,
    }


def _printable(text: str) -> str:
    """Without what would steer a terminal, or cannot be printed at all."""
    whole = text.encode(errors="backslashreplace").decode()
    return "".join(
        symbol if symbol.isprintable() else repr(symbol)[1:-1] for symbol in whole
    )
