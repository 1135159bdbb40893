"""What the doctor says of cache, files, keys and disk."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.utils.timezone import now

from certificates import keyfiles, keys
from lms.operations import keeping
from lms.operations.findings import Level
from lms.operations.keeping import (
    SEAL_RENEWED_BEFORE,
    look_at_cache,
    look_at_disk,
    look_at_keys,
    look_at_storage,
    look_at_time,
    note_disks,
)
from lms.operations.models import DiskNote, Heartbeat

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)


@pytest.mark.django_db
def test_a_cache_that_keeps_is_well_and_left_as_it_was():
    assert look_at_cache().level is Level.OK


@pytest.mark.django_db
def test_a_cache_that_is_away_is_told():
    with connection.cursor() as cursor:
        cursor.execute('ALTER TABLE "cache" RENAME TO "elsewhere"')
        found = look_at_cache()
        if connection.vendor == "sqlite":
            cursor.execute('ALTER TABLE "elsewhere" RENAME TO "cache"')

    assert found.level is Level.BAD
    assert found.words.startswith("The cache is away")


def test_a_cache_that_forgets_at_once_is_told(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    }
    assert type(cache._connections["default"]).__name__ == "DummyCache"

    assert look_at_cache().words == "The cache does not keep what it is given."


def test_files_are_written_and_nothing_is_left(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path

    assert look_at_storage().level is Level.OK
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_told(settings, tmp_path):
    (tmp_path / "media").write_text("a file where a folder belongs")
    settings.MEDIA_ROOT = tmp_path / "media"

    found = look_at_storage()

    assert found.level is Level.BAD
    assert found.words.startswith("Files in media cannot be kept")


# --- Keys ----------------------------------------------------------------------------


@pytest.fixture
def own_keys(settings, tmp_path, db):
    shutil.copytree(keyfiles.keys_folder(), tmp_path / "keys")
    settings.DATA_DIR = tmp_path
    keys.seal_key()
    keys.badge_key()
    return tmp_path / "keys"


def test_keys_for_the_owner_alone_are_well(own_keys):
    assert look_at_keys().level is Level.OK


def test_keys_that_others_can_read_are_told(own_keys):
    [pem, *_more] = sorted(path for path in own_keys.rglob("*.pem"))
    pem.chmod(0o640)

    found = look_at_keys()

    assert found.level is Level.BAD
    assert str(pem) in found.words


def test_keys_that_are_lost_are_told(own_keys):
    shutil.rmtree(own_keys / "seal-1")

    found = look_at_keys()

    assert found.level is Level.BAD
    assert "put it back from its backup" in found.words


def test_a_seal_that_ends_soon_is_told_before_it_does(own_keys):
    ends_at = keys.seal_key().certificate.not_valid_after_utc

    levels = {}
    for left in (SEAL_RENEWED_BEFORE, timedelta(seconds=1), timedelta(0)):
        with time_machine.travel(ends_at - left, tick=False):
            levels[left] = look_at_keys().level

    assert list(levels.values()) == [Level.OK, Level.WARN, Level.BAD]


# --- Time and disk -------------------------------------------------------------------


@pytest.mark.django_db
def test_clocks_that_differ_are_told():
    assert look_at_time().level is Level.OK
    if connection.vendor == "sqlite":
        return

    with time_machine.travel(now() + timedelta(seconds=30), tick=False):
        assert look_at_time().level is Level.BAD


def disk_of(host, free, size=1000 * 10**9):
    Heartbeat.objects.update_or_create(
        name="web",
        host=host,
        pid=1,
        defaults={
            "started_at": now(),
            "at": now(),
            "disk_free": free * 10**9,
            "disk_size": size,
        },
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("free", "level"),
    [(49, Level.BAD), (50, Level.WARN), (149, Level.WARN), (150, Level.OK)],
)
def test_the_fullest_disk_has_the_word(monkeypatch, free, level):
    monkeypatch.setattr(keeping, "disk_here", lambda: (900, 1000))
    disk_of("roomy", 800)
    disk_of("narrow", free)

    found = look_at_disk()

    assert found.level is level
    assert f"{round(free / 10)} % of the disk is free on narrow" in found.words


@pytest.mark.django_db
def test_a_disk_that_fills_is_told_before_it_is_full(monkeypatch):
    monkeypatch.setattr(keeping, "disk_here", lambda: (900, 1000))
    for day, free in enumerate([600, 580, 560]):
        with time_machine.travel(AT + timedelta(days=day), tick=False):
            disk_of("busy", free)
            note_disks()
            note_disks()
            found = look_at_disk()

    assert DiskNote.objects.count() == 3
    assert found.level is Level.WARN
    assert found.words.endswith("At the pace of the last days it is full in 28 days.")
