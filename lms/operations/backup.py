"""Everything that cannot be made anew, in one file: `manage.py backup`.

The database is taken first and the files after it. A file is stored before a row names
it, under a name of its own: so each file that the copy of the database
names is there when we come to it, unless it was erased in between, as it should be.
Files that came later are in the backup too, and in nobody's way. The keys are read
while the database is taken, and none is changed meanwhile: a key may be there which the
database does not know yet, and never the other way round.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates import keyfiles
from lms.operations import databases
from lms.operations.archive import ABOUT, DATABASES, Trouble, Writer
from lms.operations.findings import Finding, age, good, warn

FORMAT = 1
PRODUCT = "ByteKast Qualifications"
_STORAGES = {"media": "default", "private": "private"}
_NAME = re.compile(r"qualifications-\d{8}T\d{6}Z\.tar")
_MARK = "backup.json"
_OLD = timedelta(days=2)  # one is made each night


class Made(NamedTuple):
    """What a backup has become; `path` is None where it went through a pipe."""

    path: Path | None
    bytes: int
    files: int
    rows: int
    seconds: float
    elsewhere: list[str]


def default_folder() -> Path:
    return Path(settings.DATA_DIR) / "backups"


def folder_of(kind: str) -> Path | None:
    """Where files of a kind lie on this machine; None where they lie elsewhere."""
    if kind == "keys":
        return keyfiles.keys_folder()
    storage = storages[_STORAGES[kind]]
    return Path(storage.location) if isinstance(storage, FileSystemStorage) else None


def version() -> str:
    text = (Path(settings.BASE_DIR) / "pyproject.toml").read_text()
    return str(tomllib.loads(text)["project"]["version"])


def secret_mark(made_at: str, key: str) -> str:
    """By which a secret key is known again, and cannot be found."""
    return salted_hmac(
        f"lms.operations.backup {made_at}", PRODUCT, secret=key, algorithm="sha256"
    ).hexdigest()


def back_up(target: Path, *, keep: int | None = None) -> Made:
    """Write a backup into a folder, or to a file that is not there yet.

    It has its name once it is whole and on the disk. `keep` is how many to leave in the
    folder, the newest; None leaves all. Raises Trouble, and then leaves nothing behind.
    """
    at = now()
    if target.suffix != ".tar":
        target /= f"qualifications-{at:%Y%m%dT%H%M%SZ}.tar"
    if target.exists():
        raise Trouble(f"{target} is there already: a backup never replaces a file.")
    begun = time.monotonic()
    with told(), alone_in(target.parent) as folder:
        half = target.with_name(f".{target.name}.partial")
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as out:
                made = _write(out, at, folder)
                out.flush()
                os.fsync(out.fileno())
            half.rename(target)
            databases.synced(target.parent)
        finally:
            half.unlink(missing_ok=True)
        if keep is not None:
            _drop_older(target.parent, keep)
    made = made._replace(path=target, seconds=time.monotonic() - begun)
    _note(at, made)
    return made


def pipe(out: BinaryIO) -> Made:
    """Write a backup to where somebody reads it at once. Raises Trouble."""
    at, begun = now(), time.monotonic()
    with told(), alone_in(Path(settings.DATA_DIR)) as folder:
        made = _write(out, at, folder)
        out.flush()
    made = made._replace(seconds=time.monotonic() - begun)
    _note(at, made)
    return made


def _write(out: BinaryIO, at: datetime, folder: Path) -> Made:
    """Write all parts; `folder` is for the copy of the database."""
    engine = databases.engine()
    copy = folder / DATABASES[engine]
    copy.touch(mode=0o600)
    with keyfiles.alone():
        found = databases.snapshot(copy)
        keys = [(name, path.read_bytes()) for name, path in _files("keys")]

    elsewhere = [kind for kind in _STORAGES if folder_of(kind) is None]
    about = {
        "format": FORMAT,
        "of": PRODUCT,
        "made_at": at.isoformat(),
        "version": version(),
        "engine": engine,
        "public_url": settings.PUBLIC_URL,
        "secret_key": secret_mark(at.isoformat(), settings.SECRET_KEY),
        "database_bytes": copy.stat().st_size,
        "files_elsewhere": elsewhere,
        "migrations": found.migrations,
        "rows": found.rows,
    }
    with Writer(out, int(at.timestamp())) as writer:
        _add_bytes(writer, ABOUT, json.dumps(about, indent=1).encode())
        with copy.open("rb") as file:
            writer.add(copy.name, file, copy.stat().st_size)
        copy.unlink()  # the room may be needed
        for name, content in keys:
            _add_bytes(writer, name, content)
        for kind in _STORAGES:
            if kind not in elsewhere:
                _add_files(writer, kind)
    rows = sum(found.rows.values())
    return Made(None, writer.bytes, writer.parts - 2, rows, 0, elsewhere)


def _add_bytes(writer: Writer, name: str, content: bytes) -> None:
    writer.add(name, BytesIO(content), len(content))


def _add_files(writer: Writer, kind: str) -> None:
    for name, path in _files(kind):
        with suppress(FileNotFoundError), path.open("rb") as file:
            # It may still be growing: then no row of the copy names it.
            writer.add(name, file, os.fstat(file.fileno()).st_size)


def _files(kind: str) -> Iterator[tuple[str, Path]]:
    """Each file of a kind with its name in the backup, in no order."""
    if folder := folder_of(kind):
        yield from _below(folder, kind)


def _below(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            own = f"{name}/{entry.name}"
            if name == "keys" and entry.name.startswith("."):
                continue  # its lock, and what is being made
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), own)
            elif entry.is_file():
                yield own, Path(entry.path)
            else:
                raise Trouble(f"{entry.path} is neither a file nor a folder.")


@contextmanager
def told() -> Iterator[None]:
    """Raise Trouble for what the disk says no to, and for trouble with the keys."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Trouble(f"{where}{error.strerror or error}.") from error
    except keyfiles.KeyTrouble as error:
        raise Trouble(str(error)) from error


@contextmanager
def alone_in(target: Path) -> Iterator[Path]:
    """A folder of our own below `target`, for us alone to read, gone afterwards.

    What a backup that was killed has left there goes first. Raises Trouble where
    another is at work.
    """
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(target / ".backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(f"Another backup is being made in {target}.") from None
        for left in target.glob(".backup-*"):
            shutil.rmtree(left)
        for left in target.glob(".*.tar.partial"):
            left.unlink()
        own = Path(tempfile.mkdtemp(prefix=".backup-", dir=target))
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)
    finally:
        os.close(lock)


def _drop_older(folder: Path, keep: int) -> None:
    """Leave so many of the backups that we named, the newest: their names sort so."""
    ours = sorted(each for each in folder.iterdir() if _NAME.fullmatch(each.name))
    for old in ours[: -keep or None]:
        old.unlink()


def _note(at: datetime, made: Made) -> None:
    """Leave word of the newest backup, for `doctor`."""
    mark: dict[str, Any] = {
        "at": at.isoformat(),
        "file": str(made.path or ""),
        "seconds": round(made.seconds, 1),
        "bytes": made.bytes,
    }
    path = Path(settings.DATA_DIR) / _MARK
    with told():
        beside = path.with_name(f".{_MARK}.new")
        beside.write_text(json.dumps(mark))
        beside.replace(path)


def look_at_backup() -> Finding:
    """Whether somebody could bring all this back: how old the newest backup is."""
    step = _(
        "Make one (manage.py backup), let qualifications-backup.timer run, and keep "
        "backups on another machine."
    )
    try:
        mark = json.loads((Path(settings.DATA_DIR) / _MARK).read_text())
        old = now() - datetime.fromisoformat(mark["at"])
    except FileNotFoundError:
        return warn(_("No backup has been made from here."), step)
    except (OSError, ValueError, KeyError, TypeError):
        return warn(_("When the newest backup was made cannot be read."), step)
    if old > _OLD:
        return warn(_("The newest backup is %s old.") % age(old), step)
    return good(_("The newest backup is %s old.") % age(old))
