"""A trainer's other calendars: ICS addresses, whose busy times block ours.

The worker reads each in a process of its own (`sessions.outside_reader`). We keep
when a calendar says busy, never of what. While one cannot be read, what was read of
it last goes on blocking, and the trainer's page says so.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.audit.log import record
from lms.errors import Refused
from lms.jobs import queued
from lms.people.models import User
from sessions.minutes import DAY, WEEK, down
from sessions.models import OutsideBusy, OutsideCalendar, Trainer
from sessions.outside_fetch import CannotRead, checked
from sessions.outside_reader import Request

logger = logging.getLogger(__name__)

MOST_CALENDARS = 5
EVERY = timedelta(minutes=20)
LONGEST_WAIT = timedelta(hours=6)  # between two tries of one that cannot be read
STALE_AFTER = timedelta(hours=24)
NOT_AGAIN_WITHIN = timedelta(minutes=1)
MOST_SECONDS = 30  # for all of one reading; then its process is ended
READER = (sys.executable, "-m", "sessions.outside_reader")

WORDS: dict[str, str | Promise] = {
    "not_an_address": gettext_lazy(
        "That is not an address. Copy the calendar's ICS address whole."
    ),
    "not_https": gettext_lazy("The address must begin with https:// or webcal://."),
    "has_password": gettext_lazy(
        "The address must not hold a user name or password. "
        "Make a private ICS address in that calendar's settings instead."
    ),
    "odd_port": gettext_lazy("The address names an unusual port. Use one without."),
    "not_a_name": gettext_lazy(
        "The address must name its server, not give its number."
    ),
    "private": gettext_lazy(
        "The address leads into a private network, which we do not enter. "
        "Use one that opens from anywhere."
    ),
    "own": gettext_lazy("These are your calls here: they block already."),
    "no_server": gettext_lazy("There is no such server. Check the address."),
    "no_answer": gettext_lazy("Its server does not answer. We keep trying."),
    "bad_certificate": gettext_lazy(
        "Its server cannot show that it is the one named. Check the address."
    ),
    "too_many_redirects": gettext_lazy(
        "The address sends us on and on. Copy the ICS address itself."
    ),
    "forbidden": gettext_lazy(
        "Its server asks us to sign in. Copy the private ICS address from "
        "that calendar's settings."
    ),
    "gone": gettext_lazy(
        "There is nothing at the address any more. Remove it, and add the new one."
    ),
    "failing": gettext_lazy("Its server has trouble. We keep trying."),
    "odd_answer": gettext_lazy("Its server gives no calendar. Check the address."),
    "compressed": gettext_lazy(
        "Its server sends the calendar compressed, which we do not open."
    ),
    "too_slow": gettext_lazy("It took too long to read. We keep trying."),
    "too_large": gettext_lazy(
        "The file is larger than 4 MB. Share a calendar with fewer entries."
    ),
    "too_many": gettext_lazy(
        "It is busy too many times. Share a calendar with fewer entries."
    ),
    "too_much": gettext_lazy(
        "It takes too much to read. Share a calendar with simpler entries."
    ),
    "no_calendar": gettext_lazy(
        "There is no calendar at the address. Copy the ICS address, "
        "not that of the calendar's page."
    ),
    "malformed": gettext_lazy(
        "The file is damaged. We keep trying; if it stays so, share it anew."
    ),
    "some_unread": gettext_lazy(
        "Some entries have no times that can be read, so these do not block. "
        "Check them in that calendar."
    ),
}


# --- A trainer's list ------------------------------------------------------------------


@transaction.atomic
def add_calendar(trainer: Trainer, *, name: str, url: str, by: User) -> OutsideCalendar:
    """Let busy times at an ICS address block; it is read as soon as may be.

    The same address again changes its name alone. Raises Refused for an address that
    is not https (webcal is read so), holds a password, or leads into a private
    network; and for more calendars than five.
    """
    address = _require_good(url)
    Trainer.objects.select_for_update().get(pk=trainer.pk)  # to count
    if known := trainer.outside_calendars.filter(url=address).first():
        known.name = name
        known.save(update_fields=["name"])
        return known
    if trainer.outside_calendars.count() >= MOST_CALENDARS:
        raise Refused(
            _("You can name %(number)s calendars. Remove one first.")
            % {"number": MOST_CALENDARS}
        )
    calendar = OutsideCalendar.objects.create(trainer=trainer, name=name, url=address)
    record(by, "add_outside_calendar", trainer, calendar=calendar.pk)
    _enqueue_after_commit(calendar)
    return calendar


def _require_good(url: str) -> str:
    try:
        parts = checked(url)
    except CannotRead as failure:
        raise Refused(str(WORDS[failure.why])) from None
    if parts.hostname == urlsplit(settings.PUBLIC_URL).hostname:
        raise Refused(str(WORDS["own"]))
    address = parts.geturl()
    if len(address) > 2000:
        raise Refused(str(WORDS["not_an_address"]))
    return address


@transaction.atomic
def remove_calendar(calendar: OutsideCalendar, *, by: User | None) -> None:
    """Forget a calendar and its busy times."""
    record(by, "remove_outside_calendar", calendar.trainer, calendar=calendar.pk)
    calendar.delete()


@transaction.atomic
def read_now(calendar: OutsideCalendar) -> None:
    """Ask the worker to read it, all of it; Refused when it just did."""
    if calendar.tried_at and calendar.tried_at > now() - NOT_AGAIN_WITHIN:
        raise Refused(
            _("“%(name)s” was read a moment ago. Try again in a minute.")
            % {"name": calendar.name}
        )
    forget_versions(OutsideCalendar.objects.filter(pk=calendar.pk))
    _enqueue_after_commit(calendar)


def read_anew(trainer: Trainer) -> None:
    """Read a trainer's calendars whole, next time: their zone or horizon changed."""
    forget_versions(trainer.outside_calendars.all())


def forget_versions(calendars: Any) -> None:
    calendars.update(etag="", modified="")


class Shown(NamedTuple):
    """A calendar as its trainer sees it."""

    calendar: OutsideCalendar
    error: str
    is_stale: bool

    @property
    def where(self) -> str:
        """Its server alone: the rest of the address opens it."""
        return urlsplit(self.calendar.url).netloc

    @property
    def is_waiting(self) -> bool:
        """Whether it was never read, and nothing speaks against it."""
        return self.calendar.read_at is None and not self.error


def shown(trainer: Trainer) -> list[Shown]:
    """List a trainer's calendars with what to know of each; one query."""
    old = now() - STALE_AFTER
    return [
        Shown(
            calendar,
            str(WORDS.get(calendar.error, calendar.error)),
            is_stale=calendar.read_at is not None and calendar.read_at < old,
        )
        for calendar in trainer.outside_calendars.all()
    ]


# --- Reading -----------------------------------------------------------------------------


def read_calendar(pk: int) -> None:
    """Read one calendar, and keep when it is busy; safe to repeat.

    From yesterday to a week past the trainer's horizon. What cannot be read leaves
    the busy times as they are, and says why in `error`.
    """
    calendar = _readable().filter(pk=pk).select_related("trainer").first()
    if calendar is None:
        return
    OutsideCalendar.objects.filter(pk=pk).update(tried_at=now())
    answer = _ask(_request(calendar))
    if why := answer.get("why"):
        logger.warning("Outside calendar %s cannot be read: %s", pk, why)
        OutsideCalendar.objects.filter(pk=pk).update(error=why)
    else:
        _keep(pk, answer)


def _readable() -> Any:
    return OutsideCalendar.objects.filter(
        trainer__is_active=True, trainer__user__is_active=True
    )


def _request(calendar: OutsideCalendar) -> Request:
    """Say what to read; once a day all of it, since repeated entries go on.

    Whole days, so that nothing changes in the rows from one reading to the next.
    """
    at = now().astimezone(UTC)
    today = down(at) - down(at) % DAY
    is_first = calendar.read_at is None or calendar.read_at.date() < at.date()
    return Request(
        url=calendar.url,
        etag="" if is_first else calendar.etag,
        modified="" if is_first else calendar.modified,
        zone=calendar.trainer.time_zone,
        first=today - DAY,
        last=today + calendar.trainer.horizon_days * DAY + WEEK + DAY,
        own_host=settings.UID_HOST,
    )


def _ask(request: Request) -> dict[str, Any]:
    """Run the process that reads: without our environment, and not for long."""
    passed = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
    try:
        done = subprocess.run(  # noqa: S603  our own program; the address goes in by its input
            READER,
            input=json.dumps(asdict(request)),
            cwd=settings.BASE_DIR,
            env={name: os.environ[name] for name in passed if name in os.environ},
            capture_output=True,
            encoding="utf-8",
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"why": "too_slow"}
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return {"why": "too_much"}
    if done.returncode != 0:
        return {"why": "malformed"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@transaction.atomic
def _keep(pk: int, answer: dict[str, Any]) -> None:
    """Write what has changed of the busy times, if anything has."""
    calendar = OutsideCalendar.objects.select_for_update().filter(pk=pk).first()
    if calendar is None:  # removed meanwhile
        return
    calendar.read_at = now()
    if not answer.get("same"):
        _replace(calendar, {(_at(start), _at(end)) for start, end in answer["spans"]})
        calendar.etag = answer["etag"]
        calendar.modified = answer["modified"]
        calendar.error = "some_unread" if answer["unread"] else ""
    elif calendar.error != "some_unread":
        calendar.error = ""
    calendar.save(update_fields=["read_at", "etag", "modified", "error"])


def _replace(calendar: OutsideCalendar, busy: set[tuple[datetime, datetime]]) -> None:
    known = {
        (start, end): pk
        for pk, start, end in calendar.busy.values_list("pk", "starts_at", "ends_at")
    }
    gone = [pk for span, pk in known.items() if span not in busy]
    if gone:
        calendar.busy.filter(pk__in=gone).delete()
    OutsideBusy.objects.bulk_create(
        [
            OutsideBusy(calendar=calendar, starts_at=start, ends_at=end)
            for start, end in sorted(busy - known.keys())
        ],
        batch_size=500,
    )


def _at(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


# --- The clock ------------------------------------------------------------------------------


def enqueue_stale() -> None:
    """Ask the worker for each calendar that is due to be read again."""
    from sessions import tasks  # noqa: PLC0415  the tasks call back

    due = [calendar for calendar in _readable() if _is_due(calendar)]
    queued = _queued() if due else set()
    for calendar in due:
        if calendar.pk not in queued:
            tasks.read_outside_calendar.enqueue(calendar.pk)


def _is_due(calendar: OutsideCalendar) -> bool:
    """Every twenty minutes; one that fails ever less often, down to every six hours."""
    if calendar.tried_at is None:
        return True
    wait = EVERY
    if calendar.error and calendar.error != "some_unread":
        failing_for = calendar.tried_at - (calendar.read_at or calendar.created_at)
        wait = min(max(EVERY, failing_for / 2), LONGEST_WAIT)
    return now() - calendar.tried_at >= wait


def _queued() -> set[int]:
    """The calendars that some worker is going to read."""
    from sessions import tasks  # noqa: PLC0415  the tasks call back

    return {args[0] for args in queued(tasks.read_outside_calendar)}


def _enqueue_after_commit(calendar: OutsideCalendar) -> None:
    from sessions import tasks  # noqa: PLC0415  the task calls back

    pk = calendar.pk
    transaction.on_commit(lambda: tasks.read_outside_calendar.enqueue(pk) and None)
