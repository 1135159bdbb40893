"""`manage.py seal show|rotate|import`: the keys in use, and others in their place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from getpass import getpass
from pathlib import Path
from typing import Any

from cryptography import x509
from django.core.management.base import BaseCommand, CommandError, CommandParser

from certificates import keys
from certificates.keyfiles import BADGE, SEAL, KeyTrouble, common_name, keys_folder
from certificates.models import PublicKey

_LARGEST = 1024 * 1024  # bytes, of a file with a key or certificates


class Command(BaseCommand):
    help = (
        "Show the keys that seal certificates and sign badges, make new ones, or take "
        "in a bought seal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("show", help="Which keys are and were ours.")
        rotate = what.add_parser(
            "rotate",
            help="Make a new key; what the one before signed stays verifiable.",
            description="Make a new key of our own. What the one before signed stays "
            "verifiable; after a bought seal, our own authority vouches again.",
        )
        rotate.add_argument("kind", choices=[SEAL, BADGE])
        bought = what.add_parser(
            "import",
            help="Take in a bought seal; what the one before sealed stays verifiable.",
            description="Take in a bought seal, as PKCS#12 or as PEM, and seal with it "
            "from now on. What the one before sealed stays verifiable. The passphrase is "
            "asked for, or read from standard input or from --passphrase-file. Keys in "
            "hardware (PKCS#11) or with a provider cannot be used.",
        )
        source = bought.add_mutually_exclusive_group(required=True)
        source.add_argument("--pkcs12", metavar="FILE", help="The .p12 or .pfx file.")
        source.add_argument("--key", metavar="FILE", help="The private key, in PEM.")
        bought.add_argument(
            "--chain", metavar="FILE", help="With --key: its certificates, in PEM."
        )
        bought.add_argument(
            "--roots",
            metavar="FILE",
            help="In PEM, what it must lead to; and what is missing of the chain.",
        )
        bought.add_argument(
            "--passphrase-file", metavar="FILE", help="Its first line opens the key."
        )

    def handle(self, *args: object, what: str, kind: str = "", **options: Any) -> None:
        try:
            if what == "rotate":
                self.stdout.write(f"In use from now on: {keys.rotate(kind)}")
            elif what == "import":
                self.stdout.write(f"In use from now on: {_take_in(options)}")
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
                f"{_vouched_for(key)}"
            )
        if not PublicKey.objects.exists():
            self.stdout.write("None yet: each is made when it is first used.")


def _vouched_for(key: PublicKey) -> str:
    if key.kind != SEAL:
        return ""
    own, *_between, root = x509.load_pem_x509_certificates(key.pem.encode())
    return (
        f"\t{common_name(own)}, under {common_name(root)}, "
        f"until {own.not_valid_after_utc:%Y-%m-%d}"
    )


def _take_in(options: dict[str, Any]) -> str:
    from certificates import importing  # noqa: PLC0415  pyHanko: half a second

    roots = []
    if options["roots"]:
        roots = importing.certificates_in(_read(options["roots"]))
    passphrase = _passphrase(options["passphrase_file"])
    if options["pkcs12"]:
        if options["chain"]:
            raise CommandError("--chain goes with --key: PKCS#12 has its own.")
        files = importing.from_pkcs12(_read(options["pkcs12"]), passphrase, roots)
    elif options["chain"]:
        files = importing.from_pem(
            _read(options["key"]), _read(options["chain"]), passphrase, roots
        )
    else:
        raise CommandError("--key needs --chain: the certificates of that key.")
    return keys.take_in(files)


def _passphrase(file: str | None) -> Callable[[], str]:
    """What opens the key, asked for only where it is needed; never an argument."""

    def ask() -> str:
        if file:
            text = _read(file).decode(errors="replace")
        elif sys.stdin.isatty():
            return getpass("Passphrase: ")
        else:
            text = sys.stdin.readline()
        return text.partition("\n")[0].rstrip("\r")

    return ask


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:  # the second of a name that can be none
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{name} cannot be read: {reason}.") from None
    if len(content) > _LARGEST:
        raise CommandError(f"{name} is too large to be a key or a certificate.")
    return content
