"""`manage.py slots`: the free times that a search finds."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from courses.enrolling import editions_in_force
from courses.models import ProgrammePage
from lms.mail import times
from sessions.hours import ZONE_NAMES
from sessions.minutes import at_minute, instant
from sessions.models import Trainer
from sessions.slots import Search, Slot, find

LONGEST = timedelta(days=366)


class Command(BaseCommand):
    help = (
        "Print the free times of a programme's trainers, as somebody without other "
        "calls would find them now: within the trainers' notice and horizon."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--programme", required=True, help="Its section, such as 1.3, or its name."
        )
        parser.add_argument("--from", dest="first", help="The first day (today).")
        parser.add_argument("--to", dest="last", help="The last day (a week later).")
        parser.add_argument("--trainer", help="Only this one: their email address.")
        parser.add_argument("--minutes", type=int, default=45, help="How long (45).")
        parser.add_argument(
            "--zone", default="UTC", help="Whose days and clock, such as Europe/London."
        )
        parser.add_argument(
            "--json", action="store_true", help="As JSON, times in UTC."
        )

    def handle(self, *args: object, **asked: Any) -> None:
        if asked["zone"] not in ZONE_NAMES:
            raise CommandError(f"There is no time zone {asked['zone']!r}.")
        if not 1 <= asked["minutes"] <= 24 * 60:
            raise CommandError("A call takes between 1 and 1440 minutes.")
        zone = ZoneInfo(asked["zone"])
        first, last = _days(
            asked["first"], asked["last"], now().astimezone(zone).date()
        )
        found = find(
            Search(
                programme=_programme(asked["programme"]).pk,
                length=timedelta(minutes=asked["minutes"]),
                trainer=_trainer(asked["trainer"]) if asked["trainer"] else None,
                after=_midnight(zone, first),
                before=_midnight(zone, last + timedelta(days=1)),
            )
        )
        names = {
            trainer.pk: str(trainer)
            for trainer in Trainer.objects.select_related("user").filter(
                pk__in={pk for slot in found for pk in slot.trainers}
            )
        }
        if asked["json"]:
            self.stdout.write(json.dumps([_as_json(slot, names) for slot in found]))
            return
        for slot in found:
            who = ", ".join(names[pk] for pk in slot.trainers)
            self.stdout.write(f"{times.moment(slot.starts_at, zone)}\t{who}")
        if not found:
            self.stdout.write("No free time in these days.")


def _as_json(slot: Slot, names: dict[int, str]) -> dict[str, object]:
    return {
        "starts_at": f"{slot.starts_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        "trainers": [names[pk] for pk in slot.trainers],
    }


def _midnight(zone: ZoneInfo, day: date) -> datetime:
    return at_minute(instant(zone, day.toordinal(), 0, is_end=False))


def _days(first: str | None, last: str | None, today: date) -> tuple[date, date]:
    """Read the two dates, or say which cannot be read and how."""
    start = _near(_day(first), today) if first else today
    end = _near(_day(last), today) if last else start + timedelta(days=6)
    if end < start:
        raise CommandError("--to must not be before --from.")
    return start, end


def _near(day: date, today: date) -> date:
    if abs(day - today) > LONGEST:
        raise CommandError("Choose days within a year from today.")
    return day


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{text!r} is not a date. Write it like this: 2026-12-01."
        ) from None


def _programme(asked: str) -> ProgrammePage:
    programmes = [edition.programme for edition in editions_in_force()]
    for programme in programmes:
        if asked in (programme.section, programme.title):
            return programme
    known = ", ".join(f"{each.section} {each.title}" for each in programmes)
    raise CommandError(f"There is no programme {asked!r}. There are: {known}.")


def _trainer(email: str) -> Trainer:
    trainer = Trainer.objects.filter(user__email=email.strip().lower()).first()
    if trainer is None:
        raise CommandError(f"Nobody with the address {email!r} is a trainer.")
    return trainer
