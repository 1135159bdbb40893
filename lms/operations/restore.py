"""A backup brought back, whole or not at all: `manage.py restore`.

All is unpacked into a folder of its own and checked to the last byte. Then the folders
of files are put in their places, and the database last: with it the house is there.
What was put in place is noted before, so that if we are killed in between, the next
attempt takes it away and begins again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from certificates.models import Certificate, private_storage
from lms.operations import databases
from lms.operations.archive import (
    ABOUT,
    DATABASES,
    FOLDERS,
    Damaged,
    Part,
    Reader,
    Trouble,
)
from lms.operations.backup import FORMAT, PRODUCT, folder_of, secret_mark, told, version
from lms.operations.databases import Snapshot

_LARGEST_ABOUT = 16 * 1024 * 1024
_ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_UNDER_WAY = ".restoring.json"


class About(NamedTuple):
    """What a backup says of itself."""

    made_at: datetime
    version: str
    engine: str
    public_url: str
    secret_key: str
    files_elsewhere: list[str]
    snapshot: Snapshot

    @property
    def rows(self) -> int:
        return sum(self.snapshot.rows.values())


class Checked(NamedTuple):
    about: About
    parts: int
    bytes: int


class Files(NamedTuple):
    """How the files of certificates are, after their rows: how many, what is wrong."""

    right: int
    missing: list[str]
    changed: list[str]


# --- Looking -----------------------------------------------------------------------


def check(source: BinaryIO) -> Checked:
    """Read it to its end, and change nothing. Raises Trouble unless it is whole."""
    reader, about = Reader(source), None
    databases_ = 0
    for part in reader:
        if about is None:
            about = _about(part)
        elif part.name == ABOUT:
            raise Damaged("It says twice what it is.")
        databases_ += part.name == DATABASES[about.engine]
    if about is None or databases_ != 1:
        raise Damaged("It has no database.")
    return Checked(about, reader.parts - 2, reader.bytes)


def _about(part: Part) -> About:
    if part.size > _LARGEST_ABOUT:
        raise Damaged("It is no backup.")
    try:
        read = json.loads(b"".join(part.pieces))
        if read["of"] != PRODUCT:
            raise Damaged("It is a backup of something else.")
        if read["format"] > FORMAT:
            raise Trouble(
                f"It was made by version {read['version']}, which writes backups that "
                f"this one ({version()}) cannot read."
            )
        if read["engine"] not in DATABASES:
            raise Damaged(f"It is of a database that is not known: {read['engine']}.")
        return About(
            datetime.fromisoformat(read["made_at"]),
            str(read["version"]),
            str(read["engine"]),
            str(read["public_url"]),
            str(read["secret_key"]),
            list(read["files_elsewhere"]),
            Snapshot(dict(read["rows"]), dict(read["migrations"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged("It is no backup, or is damaged.") from None


def remarks(about: About) -> Iterator[str]:
    """What somebody must know who lives in what it holds, with today's settings."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    made_at = about.made_at.isoformat()
    if about.secret_key not in {secret_mark(made_at, key) for key in keys}:
        yield (
            "It was made with another SECRET_KEY, which is neither in SECRET_KEY nor in "
            "SECRET_KEY_FALLBACKS: until it is, links in mails lead nowhere, everybody "
            "is signed out, and second factors cannot be used."
        )
    if about.public_url != settings.PUBLIC_URL:
        yield (
            f"It is of {about.public_url}, and PUBLIC_URL is {settings.PUBLIC_URL}: the "
            "codes on certificates lead to the first for good."
        )
    if about.files_elsewhere:
        kinds = " and ".join(about.files_elsewhere)
        yield f"The files of {kinds} were kept elsewhere, and are not in it."


def _require_fitting(about: About) -> None:
    """Raise Trouble unless this installation can live in it."""
    if about.engine != databases.engine():
        raise Trouble(
            f"It is of {_ENGINES[about.engine]}, and DATABASE_URL names "
            f"{_ENGINES[databases.engine()]}: a backup is brought back into the engine "
            "that it was made of."
        )
    here: dict[str, set[str]] = {}
    for app, name in MigrationLoader(None).disk_migrations:
        here.setdefault(app, set()).add(name)
    for app, names in about.snapshot.migrations.items():
        # One before our newest that is gone was drawn together with others since.
        newer = [name for name in names if name > max(here.get(app, {""}))]
        if newer and app in here:
            raise Trouble(
                f"It is of a newer version ({about.version}; this is {version()}), "
                f"which knows {app} {max(newer)}: install that one first."
            )
    for kind in FOLDERS:
        folder = folder_of(kind)
        if folder is None and kind not in about.files_elsewhere:
            raise Trouble(
                f"It holds the files of {kind}, which are kept elsewhere here: restore "
                "without that setting, then copy them there."
            )


def require_empty() -> None:
    """Raise Trouble where there is anything that would be lost."""
    what = []
    if not databases.is_empty():
        name = connection.settings_dict["NAME"]
        what.append(f"the database {name}")
    for kind in FOLDERS:
        folder = folder_of(kind)
        if folder is None:
            continue
        if folder.is_symlink():
            raise Trouble(f"{folder} is a link: take it away, and link it afterwards.")
        if folder.exists() and _holds_files(folder):
            what.append(str(folder))
    if what:
        raise Trouble(
            f"There is something already: {', '.join(what)}. A backup is brought back "
            "into an empty place only: move what is there away first."
        )


def _holds_files(folder: Path) -> bool:
    if folder.is_file():
        return True
    return any(
        files or any((Path(place) / each).is_symlink() for each in folders)
        for place, folders, files in _walk(folder)
    )


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for place, folders, files in os.walk(folder):
        own_lock = folder.name == "keys" and place == str(folder)
        yield (
            place,
            folders,
            [each for each in files if not own_lock or each != ".lock"],
        )


# --- Bringing back -----------------------------------------------------------------


def restore(source: BinaryIO) -> About:
    """Bring a backup back into an empty place. Raises Trouble, and it stays empty."""
    home = Path(settings.DATA_DIR)
    with told():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _take_away_half(home)
        require_empty()
        folder = Path(tempfile.mkdtemp(prefix=".restoring-", dir=home))
        try:
            about = _unpack(source, folder)
            _put_in_place(home, folder, about)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return about


def _unpack(source: BinaryIO, folder: Path) -> About:
    """Write all parts below the folder, whole and as they were. Raises Trouble."""
    about: About | None = None
    for part in Reader(source):
        if about is None:
            about = _about(part)
            _require_fitting(about)
        elif part.name == ABOUT or "/" not in part.name:
            if part.name != DATABASES[about.engine]:
                raise Damaged("It holds what no backup of ours does.")
            _write(folder, part)
        else:
            _write(folder, part)
    if about is None or not (folder / DATABASES[about.engine]).exists():
        raise Damaged("It has no database.")
    if about.engine == "sqlite":
        databases.require_same(folder / DATABASES["sqlite"], about.snapshot)
    os.sync()  # one wait for the disk, not one for each file
    return about


def _write(folder: Path, part: Part) -> None:
    """Keep a part under its name, which is safe: the archive's reader saw to that."""
    is_private = not part.name.startswith(("media/", "private/"))
    path = folder / part.name
    if is_private and path.parent != folder:
        (folder / "keys").mkdir(exist_ok=True, mode=0o700)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if is_private else 0o755)
    handle = os.open(
        path,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW,
        0o600 if is_private else 0o644,
    )
    with os.fdopen(handle, "wb") as file:
        for piece in part.pieces:
            file.write(piece)


def _put_in_place(home: Path, folder: Path, about: About) -> None:
    moves = {
        kind: place
        for kind in FOLDERS
        if (folder / kind).exists() and (place := folder_of(kind))
    }
    note = home / _UNDER_WAY
    note.write_text(json.dumps({kind: str(each) for kind, each in moves.items()}))
    databases.synced(note)
    databases.synced(home)
    try:
        for kind, place in moves.items():
            if place.exists():  # and holds nothing
                shutil.rmtree(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / kind, place)
        os.sync()
        databases.put_back(folder / DATABASES[about.engine], about.snapshot)
    except BaseException:
        _take_away_half(home)
        raise
    note.unlink()


def _take_away_half(home: Path) -> None:
    """Take away what an attempt that was killed has put in place, and unpacked."""
    for left in home.glob(".restoring-*"):
        shutil.rmtree(left)
    note = home / _UNDER_WAY
    if not note.exists():
        return
    # Without a database it came to nothing; with one it was as good as done.
    if databases.is_empty():
        moved: dict[str, Any] = json.loads(note.read_text() or "{}")
        for place in moved.values():
            shutil.rmtree(place, ignore_errors=True)
    note.unlink()


def files_of_certificates() -> Files:
    """Hold each certificate's file against the digest in its row.

    It asks for two columns that have been there from the first, as the database may be
    of an older version.
    """
    right, missing, changed = 0, [], []
    rows = Certificate.objects.exclude(pdf="").order_by()
    storage = private_storage()
    for name, digest in rows.values_list("pdf", "pdf_sha256").iterator():
        try:
            with storage.open(name) as file:
                own = sha256()
                for piece in file.chunks():
                    own.update(piece)
        except FileNotFoundError:
            missing.append(name)
            continue
        if own.hexdigest() == digest:
            right += 1
        else:
            changed.append(name)
    return Files(right, missing, changed)
