"""The page on which a trainer chooses times for somebody: one to book, or up to three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.models import Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from sessions.asking import open_request
from sessions.book_page import BookPage
from sessions.booking import length_of
from sessions.models import Trainer
from sessions.offers import Offer, as_offers, open_proposals
from sessions.picking import CallPick, Link, TimeLine, Times
from sessions.proposals import MOST_TIMES
from sessions.scheduling import require_possible
from sessions.scheduling_forms import OtherTimeForm, ScheduleForm
from sessions.slots import Search, Slot, find, free_at, search_for


@dataclass(frozen=True)
class Pick:
    """A time that is chosen, and the address of the page without it."""

    starts_at: datetime
    ends_at: datetime
    value: str
    remove_url: str


class SchedulePage(BookPage):
    """The trainer's own free times, in both zones; and one that they type.

    What is chosen stands in the address: `start` once for each time, `any_hours` when
    the trainer's hours and notice do not count.
    """

    template = "sessions/schedule.html"
    fragment = "sessions/_scheduling.html"
    any_notice = True
    one_call = True

    def __init__(
        self, request: MemberRequest, enrolment: Enrolment, trainer: Trainer
    ) -> None:
        super().__init__(request, enrolment, trainer)
        self.holder = trainer

    def form(self) -> ScheduleForm:  # type: ignore[override]  # another form
        return ScheduleForm(
            self.request.POST, topics=self.asked, trainers=self.qualified
        )

    # --- What was chosen --------------------------------------------------------

    @cached_property
    def typed(self) -> OtherTimeForm:
        """The time that is typed, and whether the trainer's hours count."""
        form = OtherTimeForm(self.data)
        form.is_valid()
        return form

    @property
    def any_hours(self) -> bool:
        return bool(self.typed.cleaned_data.get("any_hours"))

    @cached_property
    def picks(self) -> list[datetime]:
        """The times chosen, each free beside the others; of others, why not."""
        picks: list[datetime] = []
        said_before = bool(self.errors)
        for at in self._wanted() if self.chosen else ():
            words = self._why_not(at, picks)
            if not words:
                picks.append(at)
            elif not said_before:
                self.errors.append(words)
        return picks

    def _wanted(self) -> list[datetime]:
        """The times of the address, then the one typed; each once."""
        wanted = [at for at in self.said.get("start") or [] if at]
        typed = None
        try:
            self.errors += [
                str(error) for errors in self.typed.errors.values() for error in errors
            ]
            if not self.typed.errors:
                typed = self.typed.at(ZoneInfo(self.zone))
        except ValidationError as error:
            self.errors += error.messages
        return list(dict.fromkeys([*wanted, *([typed] if typed else [])]))

    def _why_not(self, at: datetime, picks: Sequence[datetime]) -> str:
        """Why a time cannot be chosen beside the others; "" when it can."""
        if len(picks) >= MOST_TIMES:
            return ngettext(
                "Choose at most %(most)d time. Remove one first.",
                "Choose at most %(most)d times. Remove one first.",
                MOST_TIMES,
            ) % {"most": MOST_TIMES}
        if free_at(self._search(picks, any_hours=self.any_hours), at):
            return ""
        try:
            length = length_of(self.chosen)
            require_possible(self.holder, self.enrolment, [at], length)
        except Refused as refusal:
            return str(refusal)
        written = {"time": times.moment(at, self.zone)}
        if not self.any_hours and free_at(self._search(picks, any_hours=True), at):
            return (
                _("%(time)s is outside your hours. Tick the box below if you mean it.")
                % written
            )
        return _("%(time)s is not free, or too close to another time chosen.") % written

    def _search(self, picks: Sequence[datetime], *, any_hours: bool) -> Search:
        length = length_of(self.chosen)
        return search_for(
            self.enrolment,
            length,
            trainer=self.holder,
            besides=tuple((at, at + length) for at in picks),
            any_notice=True,
            any_hours=any_hours,
        )

    # --- What the template gets ---------------------------------------------------

    @cached_property
    def calls(self) -> list[CallPick]:
        """The one call, with the times that are free beside those chosen."""
        if not self.chosen:
            return []
        call = CallPick(1, self.chosen, length_of(self.chosen), trainers=self.trainers)
        if call.length <= settings.LONGEST_CALL:
            own = (self.holder.pk,)
            free = find(self._search(self.picks, any_hours=False))
            chosen = [Slot(at, own) for at in self.picks]
            call.slots = sorted([*free, *chosen], key=lambda slot: slot.starts_at)
        return [call]

    def context(self) -> dict[str, Any]:
        context = super().context()
        for call in context["calls"]:
            call.times = context["times"] = _marked(call.times, self.picks)
        return context | {
            "is_trainer": True,
            "picks": self._picks_shown(),
            "any_hours": self.any_hours,
            "other_time": self._other_time(),
            "asked_for": open_request(self.enrolment),
            "open_offers": self._open_offers(),
        }

    def _picks_shown(self) -> list[Pick]:
        length = length_of(self.chosen)
        return [
            Pick(at, at + length, _value(at), self._address(start=at))
            for at in sorted(self.picks)
        ]

    def _other_time(self) -> OtherTimeForm:
        """The fields to type into: empty once the time typed is chosen."""
        if self.errors and self.typed.data.get("other_date"):
            return self.typed
        return OtherTimeForm(initial={"any_hours": self.any_hours})

    def _open_offers(self) -> list[Offer]:
        """What waits for their answer in this programme, by any trainer."""
        calls = open_proposals().filter(enrolment=self.enrolment, replaces=None)
        return as_offers(calls.select_related("trainer__user"))

    def _other_zone(self, zone: str) -> str:
        theirs: str = self.enrolment.member.user.time_zone
        return theirs if theirs != zone else ""

    def _links(self, pick: CallPick, calls: Sequence[CallPick]) -> Link:
        return self._address

    def _address(
        self,
        *,
        start: datetime | None = None,
        day: date | None = None,
        call: int | None = None,
    ) -> str:
        """Return the address with a time chosen, or no longer, or other days."""
        picks = [at for at in self.picks if at != start]
        if start and start not in self.picks:
            picks.append(start)
        query = self._kept()
        if self.any_hours:
            query.append(("any_hours", 1))
        if day := day or self.said.get("day"):
            query.append(("day", day))
        query += [("start", _value(at)) for at in picks]
        part = "confirm" if start in picks else "times"
        return f"{self.request.path}?{urlencode(query)}#{part}"


def _value(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


def _marked(shown: Times, picks: Sequence[datetime]) -> Times:
    """Mark the times that are chosen; they are among those shown."""

    def mark(lines: Sequence[TimeLine]) -> list[TimeLine]:
        return [replace(line, selected=line.at in picks) for line in lines]

    return replace(
        shown,
        soonest=mark(shown.soonest),
        days=[
            replace(
                day,
                slots=mark(day.slots),
                parts=[replace(part, slots=mark(part.slots)) for part in day.parts],
            )
            for day in shown.days
        ],
    )
