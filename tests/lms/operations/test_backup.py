"""Backup and restore of a small house of SQLite, beside the tests' own."""

import fcntl
import json
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from lms.operations import backup, databases, restore
from lms.operations.archive import Reader, Trouble, Writer
from lms.operations.findings import Level

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
AT = datetime(2026, 6, 3, 10, tzinfo=UTC)
KEY = "a secret key of the tests " * 2


@pytest.fixture
def live(tmp_path, settings, monkeypatch):
    """A house in use; afterwards settings point there until `move_to` is called."""
    settings.SECRET_KEY, settings.PUBLIC_URL = KEY, "https://training.example.com"
    move_to(tmp_path / "live", settings, monkeypatch)
    home = tmp_path / "live"
    for name, content in {
        "keys/seal-1/key.pem": b"a key",
        "keys/.lock": b"",
        "media/documents/a film.mp4": b"film" * 300,
        "private/certificates/S1/abc.pdf": b"%PDF",
        "static/app.css": b"made anew",
        "mail/one.eml": b"sent",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    newest = max(
        name for app, name in MigrationLoader(None).disk_migrations if app == "people"
    )
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        database.executescript(
            "PRAGMA journal_mode=WAL;"
            "CREATE TABLE django_migrations (app, name);"
            f"INSERT INTO django_migrations VALUES ('people', '{newest}');"
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);"
            "INSERT INTO people (name) VALUES ('Mara'), ('Liam');"
        )
    return home


def move_to(home: Path, settings, monkeypatch) -> Path:
    home.mkdir(exist_ok=True)
    settings.DATA_DIR = home
    settings.MEDIA_ROOT = home / "media"
    private = {"location": home / "private", "base_url": None}
    settings.STORAGES = settings.STORAGES | {
        "private": settings.STORAGES["private"] | {"OPTIONS": private}
    }
    monkeypatch.setitem(connection.settings_dict, "NAME", str(home / "db.sqlite3"))
    return home


@pytest.fixture
def empty(live, tmp_path, settings, monkeypatch):
    """A whole backup of the house, and another, empty place, which settings name."""
    made = backup.back_up(tmp_path / "kept")
    return made.path, move_to(tmp_path / "new", settings, monkeypatch)


def bring_back(path: Path) -> restore.About:
    with path.open("rb") as file:
        return restore.restore(file)


def files_in(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def names_in(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        return [name for (name,) in database.execute("SELECT name FROM people")]


# --- Making one --------------------------------------------------------------------


def test_backup_is_one_file_for_its_owner_alone(live, tmp_path):
    made = backup.back_up(tmp_path / "kept")

    (file,) = (tmp_path / "kept").glob("*.tar")
    assert file == made.path
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made.bytes == file.stat().st_size
    assert (made.files, made.rows) == (3, 3)
    with file.open("rb") as opened:
        assert sorted(part.name for part in Reader(opened)) == [
            "backup.json",
            "database.sqlite3",
            "keys/seal-1/key.pem",
            "media/documents/a film.mp4",
            "private/certificates/S1/abc.pdf",
        ]
    mark = json.loads((live / "backup.json").read_text())
    assert mark["file"] == str(file)


def test_backup_takes_what_was_written_and_not_yet_in_the_main_file(live, empty):
    """What SQLite keeps in its log beside the database is of it too."""
    path, home = empty
    path.unlink()
    with closing(sqlite3.connect(live / "db.sqlite3")) as writer:
        writer.execute("INSERT INTO people (name) VALUES ('Zoë')")
        writer.commit()
        assert (live / "db.sqlite3-wal").stat().st_size
        connection.settings_dict["NAME"] = str(live / "db.sqlite3")
        made = backup.back_up(path)
    connection.settings_dict["NAME"] = str(home / "db.sqlite3")

    bring_back(made.path)

    assert names_in(home) == ["Mara", "Liam", "Zoë"]


def test_backup_never_replaces_a_file(live, tmp_path):
    (tmp_path / "mine.tar").write_bytes(b"mine")

    with pytest.raises(Trouble, match="is there already"):
        backup.back_up(tmp_path / "mine.tar")

    assert (tmp_path / "mine.tar").read_bytes() == b"mine"


def test_backup_of_a_damaged_database_is_refused_and_leaves_nothing(live, tmp_path):
    with (live / "db.sqlite3").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)

    with pytest.raises(Trouble):
        backup.back_up(tmp_path / "kept")

    assert list(files_in(tmp_path / "kept")) == [".backup.lock"]
    assert not (live / "backup.json").exists()


def test_backup_on_a_full_disk_says_so(live):
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(Trouble, match="No space left on device"),
    ):
        backup.pipe(full)

    assert not list(live.glob(".backup-*"))


def test_backup_minds_what_is_no_file(live, tmp_path):
    (live / "media" / "elsewhere").symlink_to(tmp_path)

    with pytest.raises(Trouble, match="neither a file nor a folder"):
        backup.back_up(tmp_path / "kept")


def elsewhere(settings, kind: str = "private") -> None:
    """From here on files of a kind are kept in no folder of this machine."""
    away = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = settings.STORAGES | {kind: away}


def test_files_kept_elsewhere_are_left_out_and_it_is_said(
    live, settings, tmp_path, capsys
):
    elsewhere(settings)

    call_command("backup", to=str(tmp_path / "it.tar"))

    assert "The files of private are kept elsewhere" in capsys.readouterr().out
    with (tmp_path / "it.tar").open("rb") as file:
        names = {part.name for part in Reader(file)}
    assert not any(name.startswith("private") for name in names)
    assert "media/documents/a film.mp4" in names


def test_only_one_backup_is_made_in_a_folder_at_a_time(live, tmp_path):
    (tmp_path / "kept").mkdir()
    with (tmp_path / "kept" / ".backup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Trouble, match="Another backup is being made"):
            backup.back_up(tmp_path / "kept")


def test_what_a_killed_backup_left_goes_with_the_next(live, tmp_path):
    kept = tmp_path / "kept"
    (kept / ".backup-x1").mkdir(parents=True)
    (kept / ".backup-x1" / "database.sqlite3").write_bytes(b"half")
    (kept / ".qualifications-20260101T000000Z.tar.partial").write_bytes(b"half")

    made = backup.back_up(kept)

    assert list(files_in(kept)) == [".backup.lock", made.path.name]


def test_keep_leaves_the_newest_of_ours_alone(live, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ["20260101T000000Z", "20260102T000000Z", "20260103T000000Z"]:
        (kept / f"qualifications-{name}.tar").write_bytes(b"old")
    (kept / "qualifications-before the move.tar").write_bytes(b"somebody's")

    made = backup.back_up(kept, keep=2)

    assert [path.name for path in sorted(kept.glob("*.tar"))] == [
        "qualifications-20260103T000000Z.tar",
        made.path.name,
        "qualifications-before the move.tar",
    ]


def test_keys_are_not_changed_while_a_backup_reads_them(live, tmp_path):
    """It waits for whoever puts a new key in its place."""
    lock = os.open(live / "keys" / ".lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    child = os.fork()
    if not child:
        os.close(lock)  # else it would hold it too
        backup.back_up(tmp_path / "kept")
        os._exit(0)
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    (live / "keys" / "seal-2").mkdir()
    (live / "keys" / "seal-2" / "key.pem").write_bytes(b"the next")

    os.close(lock)
    assert os.waitpid(child, 0)[1] == 0

    (path,) = (tmp_path / "kept").glob("*.tar")
    with path.open("rb") as file:
        names = {part.name for part in Reader(file)}
    assert "keys/seal-2/key.pem" in names


# --- Bringing it back --------------------------------------------------------------


def test_restore_brings_all_back(live, empty):
    path, home = empty

    about = bring_back(path)

    wanted = {"keys/seal-1/key.pem", "media/documents/a film.mp4"}
    wanted |= {"private/certificates/S1/abc.pdf"}
    found, before = files_in(home), files_in(live)
    assert set(found) == wanted | {"db.sqlite3"}
    assert all(found[name] == before[name] for name in wanted)
    assert names_in(home) == ["Mara", "Liam"]
    assert about.rows == 3
    modes = {
        name: stat.S_IMODE((home / name).stat().st_mode)
        for name in ("db.sqlite3", "keys", "keys/seal-1", "keys/seal-1/key.pem")
    }
    assert modes == {
        "db.sqlite3": 0o600,
        "keys": 0o700,
        "keys/seal-1": 0o700,
        "keys/seal-1/key.pem": 0o600,
    }


@pytest.mark.parametrize(
    "there",
    ["db.sqlite3", "media/a.png", "private/b/c.pdf", "keys/seal-1/key.pem"],
)
def test_restore_refuses_a_place_that_is_not_empty(empty, there):
    path, home = empty
    (home / there).parent.mkdir(parents=True, exist_ok=True)
    (home / there).write_bytes(b"here")

    with pytest.raises(Trouble, match="There is something already"):
        bring_back(path)

    assert files_in(home) == {there: b"here"}


def test_restore_minds_no_empty_folders(empty):
    path, home = empty
    (home / "media" / "documents").mkdir(parents=True)
    (home / "keys").mkdir()
    (home / "keys" / ".lock").touch()
    (home / "db.sqlite3").touch()  # a process has looked there

    bring_back(path)

    assert names_in(home) == ["Mara", "Liam"]
    assert (home / "media/documents/a film.mp4").exists()


def test_restore_refuses_a_link(empty, tmp_path):
    path, home = empty
    (tmp_path / "other disk").mkdir()
    (home / "media").symlink_to(tmp_path / "other disk")

    with pytest.raises(Trouble, match="is a link"):
        bring_back(path)


@pytest.mark.parametrize("part", ["head", "most", "but the last byte"])
def test_restore_of_a_part_leaves_the_place_empty(empty, part):
    path, home = empty
    whole = path.read_bytes()
    cut = {"head": 5000, "most": len(whole) * 9 // 10}.get(part, len(whole) - 1)
    path.write_bytes(whole[:cut])

    with pytest.raises(Trouble):
        bring_back(path)

    assert list(home.iterdir()) == []


def altered(path: Path, **changes: object) -> Path:
    """The backup as somebody would have made it of whom these things are true."""
    out = BytesIO()
    with path.open("rb") as file, Writer(out, 0) as writer:
        for part in Reader(file):
            content = b"".join(part.pieces)
            if part.name == "backup.json":
                content = json.dumps(json.loads(content) | changes).encode()
            writer.add(part.name, BytesIO(content), len(content))
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"engine": "postgresql"},
            "It is of PostgreSQL, and DATABASE_URL names SQLite",
        ),
        ({"format": 2, "version": "9.1"}, "made by version 9.1"),
        ({"of": "Something"}, "a backup of something else"),
        ({"engine": "oracle"}, "not known: oracle"),
        ({"rows": {"people": 1}}, "holds something else"),
        ({"migrations": {}}, "holds something else"),
        (
            {"migrations": {"people": ["9999_later"]}},
            "newer version .*people 9999_later",
        ),
        ({"made_at": "yesterday"}, "is damaged"),
        ({"rows": 7}, "is damaged"),
    ],
    ids=str,
)
def test_restore_refuses_what_does_not_fit(empty, changes, words):
    path, home = empty

    with pytest.raises(Trouble, match=words):
        bring_back(altered(path, **changes))

    assert list(home.iterdir()) == []


def test_restore_never_drops_files_that_have_no_place_here(empty, settings):
    path, home = empty
    elsewhere(settings)

    with pytest.raises(Trouble, match="It holds the files of private"):
        bring_back(path)

    assert list(home.iterdir()) == []


@pytest.mark.parametrize("at", ["first move", "second move", "database"])
def test_restore_killed_at_any_point_can_be_done_again(empty, monkeypatch, at):
    path, home = empty
    child = os.fork()
    if not child:
        end_at(at, monkeypatch)
        bring_back(path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert list(home.iterdir()) != []

    bring_back(path)

    assert names_in(home) == ["Mara", "Liam"]
    assert [each.name for each in home.glob(".*")] == []


def end_at(point: str, monkeypatch) -> None:
    """End this process at a point of its work, as a lost machine does."""
    moves = iter(["first move", "second move"])
    move = shutil.move

    def move_or_end(*words):
        if next(moves, "") == point:
            os._exit(9)
        return move(*words)

    monkeypatch.setattr(shutil, "move", move_or_end)
    if point == "database":
        monkeypatch.setattr(databases, "put_back", lambda *_: os._exit(9))


def test_restore_killed_right_after_the_database_is_done(empty, monkeypatch):
    path, home = empty
    child = os.fork()
    if not child:
        put = databases.put_back

        def put_and_end(*words):
            put(*words)
            os._exit(9)

        monkeypatch.setattr(databases, "put_back", put_and_end)
        bring_back(path)
    os.waitpid(child, 0)

    with pytest.raises(Trouble, match="There is something already"):
        bring_back(path)

    assert names_in(home) == ["Mara", "Liam"]
    assert (home / "media/documents/a film.mp4").exists()
    assert [each.name for each in home.glob(".*")] == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, []),
        ({"SECRET_KEY": "another " * 9, "SECRET_KEY_FALLBACKS": [KEY]}, []),
        ({"SECRET_KEY": "another " * 9}, ["It was made with another SECRET_KEY"]),
        (
            {"PUBLIC_URL": "https://a.example"},
            ["It is of https://training.example.com"],
        ),
    ],
)
def test_what_settings_must_have_been_is_said(empty, settings, changed, words):
    path, _home = empty
    for name, value in changed.items():
        setattr(settings, name, value)

    with path.open("rb") as file:
        said = list(restore.remarks(restore.check(file).about))

    assert len(said) == len(words)
    assert all(text.startswith(word) for text, word in zip(said, words, strict=True))


def test_secret_key_is_not_in_a_backup(empty):
    assert KEY.encode() not in empty[0].read_bytes()


# --- The doctor --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        (0, Level.OK, "The newest backup is 0 seconds old."),
        (2, Level.OK, "The newest backup is 2 days old."),
        (3, Level.WARN, "The newest backup is 3 days old."),
    ],
)
def test_doctor_minds_how_old_the_newest_backup_is(live, tmp_path, days, level, words):
    with time_machine.travel(AT, tick=False):
        backup.back_up(tmp_path / "kept")
    with time_machine.travel(AT + timedelta(days=days), tick=False):
        found = backup.look_at_backup()

    assert (found.level, found.words) == (level, words)


@pytest.mark.parametrize("mark", [None, "", "[]", '{"at": "yesterday"}'])
def test_doctor_minds_that_there_is_no_backup(live, mark):
    if mark is not None:
        (live / "backup.json").write_text(mark)

    assert backup.look_at_backup().level is Level.WARN


# --- The commands ------------------------------------------------------------------


def test_check_says_in_words_what_a_backup_is(empty, capsys):
    path, home = empty

    call_command("backup", check=str(path))

    assert f"{path} is whole: " in capsys.readouterr().out
    assert list(home.iterdir()) == []


def test_check_of_a_damaged_backup_is_an_error(empty):
    path, _home = empty
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(CommandError, match="digest says"):
        call_command("backup", check=str(path))


def test_backup_tells_what_it_holds_and_what_not(live, tmp_path, capsys):
    call_command("backup", to=str(tmp_path / "kept"))

    said = capsys.readouterr().out
    assert "3 rows and 3 files" in said
    assert "people's data and private keys" in said
    assert "SECRET_KEY is not in it" in said


@pytest.mark.parametrize("words", [{"keep": 0}, {"keep": 3, "to": "-"}])
def test_keep_is_for_folders(live, words):
    with pytest.raises(CommandError, match="--keep"):
        call_command("backup", **words)
