"""What keeps things: the cache, the files, the keys, the disk, the time."""

from __future__ import annotations

import secrets
import stat
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates import keyfiles, keys
from certificates.keyfiles import BADGE, SEAL, KeyTrouble
from certificates.models import PublicKey
from lms.operations.findings import Finding, age, bad, first_line, good, size, warn
from lms.operations.heartbeats import disk_here
from lms.operations.models import DiskNote, Heartbeat
from lms.shared_cache import CacheAwayError

FOLDERS = {"default": "media", "private": "private"}
SEAL_RENEWED_BEFORE = timedelta(days=30)
FULL, NEARLY_FULL = 0.05, 0.15  # of a disk, free
SOON_FULL = timedelta(days=30)
LONGEST_DIFFERENCE = timedelta(seconds=5)


def look_at_cache() -> Finding:
    """Whether the cache that all processes share keeps something."""
    key, word = f"doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    step = _("See to it: without it nobody can sign in, and pages are slow.")
    try:
        cache.set(key, word, 60)
        kept = cache.get(key)
        cache.delete(key)
    except (CacheAwayError, OSError) as error:
        why = type(error.__cause__ or error).__name__
        return bad(_("The cache is away (%s).") % why, step)
    if kept != word:
        return bad(_("The cache does not keep what it is given."), step)
    return good(_("The cache keeps what it is given."))


def look_at_storage() -> Finding:
    """Whether files can be written, read and deleted, in both places."""
    for alias, name in FOLDERS.items():
        storage, word = storages[alias], secrets.token_bytes(16)
        try:
            path = storage.save(f"doctor/{secrets.token_hex(8)}.txt", ContentFile(word))
            with storage.open(path) as file:
                kept = file.read()
            storage.delete(path)
        except Exception as error:  # noqa: BLE001  # whatever a storage may raise
            return bad(
                _("Files in %(name)s cannot be kept: %(why)s.")
                % {"name": name, "why": first_line(error)},
                _("Free some disk, or give the folder to whom the processes run as."),
            )
        if kept != word:
            return bad(
                _("Files in %s come back changed.") % name,
                _("See to the disk or the storage: certificates are kept there."),
            )
    return good(_("Files can be written, read and deleted, public and private ones."))


def look_at_keys() -> Finding:
    """Whether the keys of seal and badges are there, ours alone, and in force."""
    try:
        for kind in (SEAL, BADGE):
            there = keyfiles.generations(kind)
            if not there and not PublicKey.objects.filter(kind=kind).exists():
                return good(_("No keys yet: they are made at their first use."))
        if open_to_others := _open_to_others():
            return bad(
                _("Others on the machine can read %s.") % open_to_others,
                _("chmod -R go= %s") % keyfiles.keys_folder(),
            )
        keys.badge_key()
        ends_at = keys.seal_key().certificate.not_valid_after_utc
    except KeyTrouble as trouble:
        return bad(str(trouble), _("Nothing is sealed until then."))
    left = ends_at - now()
    if left <= timedelta(0):
        return bad(
            _("The seal's certificate has ended: no certificate can be made."),
            _("“manage.py seal rotate seal”, or “seal import” a bought one."),
        )
    words = _("The keys are there, for us alone; the seal is in force for %s.") % age(
        left
    )
    if left < SEAL_RENEWED_BEFORE:
        return warn(
            words, _("“manage.py seal rotate seal”, or “seal import” a bought one.")
        )
    return good(words)


def _open_to_others() -> Path | None:
    """A file or folder of keys that is not for its owner alone."""
    folder = keyfiles.keys_folder()
    for path in [folder, *sorted(folder.rglob("*"))]:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return path
    return None


def look_at_time() -> Finding:
    """Whether this machine's clock and the database's agree; one query."""
    if connection.vendor == "sqlite":
        return good(_("Machine and database share a clock."))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    difference = abs(theirs - now())
    words = _("This machine's clock and the database's differ by %s.") % age(difference)
    if difference > LONGEST_DIFFERENCE:
        return bad(words, _("Let both follow a time server (chrony, timesyncd)."))
    return good(words)


# --- The disk --------------------------------------------------------------------------


def look_at_disk() -> Finding:
    """How much room is left, on the machine that has least of it; two queries."""
    host, free, whole = _fullest()
    if not whole:
        return bad(
            _("The folder %s cannot be looked at.") % settings.DATA_DIR,
            _("Mount it, or set DATA_DIR."),
        )
    words = _("%(percent)d %% of the disk is free on %(host)s (%(free)s).") % {
        "percent": round(100 * free / whole),
        "host": host,
        "free": size(free),
    }
    step = _("Give %s more room, or take away what does not belong there.") % (
        settings.DATA_DIR
    )
    if free < FULL * whole:
        return bad(words, step)
    pace = full_in(host, free)
    if pace is not None and pace < SOON_FULL:
        words = _("%(words)s At the pace of the last days it is full in %(age)s.") % {
            "words": words,
            "age": age(pace),
        }
        return warn(words, step)
    return warn(words, step) if free < NEARLY_FULL * whole else good(words)


def _fullest() -> tuple[str, int, int]:
    """Host, free and whole size of the disk with the least room; one query."""
    lately = Heartbeat.objects.filter(
        at__gt=now() - timedelta(minutes=10), disk_size__gt=0
    )
    disks = [
        (_("this machine"), *disk_here()),
        *lately.values_list("host", "disk_free", "disk_size"),
    ]
    return min(disks, key=lambda disk: disk[1] / disk[2] if disk[2] else 0)


def note_disks() -> None:
    """Remember how much room each machine has, once a day; for a month."""
    today = now().date()
    for host, free in Heartbeat.objects.filter(disk_size__gt=0).values_list(
        "host", "disk_free"
    ):
        DiskNote.objects.get_or_create(host=host, on=today, defaults={"free": free})
    DiskNote.objects.filter(on__lt=today - timedelta(days=30)).delete()


def full_in(host: str, free: int) -> timedelta | None:
    """How long the room lasts at the pace of the last week; None: it does not shrink."""
    notes = DiskNote.objects.filter(on__gte=now().date() - timedelta(days=7))
    first = notes.filter(host=host).order_by("on").first()
    if first is None:
        return None
    days, used = (now().date() - first.on).days, first.free - free
    return timedelta(days=free * days / used) if days > 1 and used > 0 else None
