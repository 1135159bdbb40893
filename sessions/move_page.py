"""The page on which a call that is booked is moved, by either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from lms.mail import times
from lms.people.access import MemberRequest
from sessions.book_page import BookPage
from sessions.cancelling import is_late
from sessions.forms import MoveForm, causes
from sessions.models import Booking, Cause, Trainer
from sessions.moving import any_trainer, search_to_move
from sessions.picking import CallPick
from sessions.scheduling_forms import OtherTimeForm
from sessions.slots import Search, Slot, free_at


class MovePage(BookPage):
    """As to book, but for the topics: with the same trainer, unless one asks otherwise.

    The trainer of the call sees own times alone, in both zones, and may type one.
    """

    template = "sessions/move.html"
    confirm_template = "sessions/_confirm_move.html"
    one_call = True
    ask_url = ""

    def __init__(self, request: MemberRequest, booking: Booking) -> None:
        self.booking = booking
        self.is_trainer = request.user.pk == booking.trainer.user_id
        own = booking.trainer if self.is_trainer else None
        super().__init__(request, booking.enrolment, own)

    languages: list[tuple[str, str]] = []

    def form(self) -> MoveForm:  # type: ignore[override]  # one time, no topics
        """The form that was sent."""
        return MoveForm(self.request.POST, topics=[], trainers=self.qualified)

    @cached_property
    def asked(self) -> list[Any]:
        return []

    @cached_property
    def ready(self) -> list[Any]:
        return []

    @cached_property
    def chosen(self) -> list[Any]:
        return list(self.booking.topics.all())

    @cached_property
    def trainer(self) -> Trainer | None:
        if self.own_trainer or self.is_picked:
            return self.own_trainer or self.said.get("trainer")
        same = self.booking.trainer
        return same if same in self.trainers else None

    def parts(self) -> list[tuple[Sequence[Any], timedelta]]:
        return [(self.chosen, self.booking.ends_at - self.booking.starts_at)]

    def search(self, call: CallPick, calls: Sequence[CallPick]) -> Search:
        return search_to_move(self.booking, self.request.user, self.trainer)

    def find(self, search: Search) -> list[Slot]:
        """All but where the call is now."""
        return [
            slot
            for slot in super().find(search)
            if slot.starts_at != self.booking.starts_at
            or self.booking.trainer_id not in slot.trainers
        ]

    # --- A time that its trainer types ------------------------------------------

    @cached_property
    def typed(self) -> OtherTimeForm:
        """The time that is typed, and whether the trainer's hours count."""
        form = OtherTimeForm(self.data if self.is_trainer else {})
        form.is_valid()
        return form

    @property
    def any_hours(self) -> bool:
        return bool(self.typed.cleaned_data.get("any_hours"))

    @cached_property
    def starts(self) -> list[datetime | None]:
        """The time typed, else the one clicked."""
        try:
            self.errors += [
                str(error) for errors in self.typed.errors.values() for error in errors
            ]
            at = None if self.typed.errors else self.typed.at(ZoneInfo(self.zone))
        except ValidationError as error:
            self.errors += error.messages
            at = None
        return [at] if at else super().starts

    def _look(self, call: CallPick, search: Search) -> None:
        super()._look(call, search)
        if not (self.is_trainer and call.start and call.slot is None):
            return
        able = free_at(replace(search, any_hours=True), call.start)
        if able and self.any_hours:
            call.typed = Slot(call.start, tuple(able))
        elif able and not self.errors:
            self.errors.append(
                _("%(time)s is outside your hours. Tick the box below if you mean it.")
                % {"time": times.moment(call.start, self.zone)}
            )

    def to(self, form: MoveForm) -> Trainer:
        """With whom: as asked for, or as the rule says of any."""
        wanted: Trainer | None = form.cleaned_data["trainer"]
        if self.is_trainer or wanted:
            return wanted or self.booking.trainer
        starts_at = form.cleaned_data["start"]
        return any_trainer(self.booking, starts_at, by=self.request.user)

    def context(self) -> dict[str, Any]:
        return super().context() | {
            "call_now": self.booking,
            "any_hours": self.any_hours,
            "other_time": self._other_time(),
            "is_trainer": self.is_trainer,
            "is_trainee": self.request.user.pk == self.booking.trainee_id,
            "is_late": is_late(self.booking, self.request.user, Cause.PLANS)
            and not self.is_trainer,
            "causes": causes(is_ours=False),
            "cause": self.data.get("cause") or Cause.PLANS.value,
            "fixed_topics": self.chosen,
        }

    def _other_time(self) -> OtherTimeForm | None:
        """The fields to type into, for the trainer: as they were while wrong."""
        if not self.is_trainer:
            return None
        if self.errors and self.typed.data.get("other_date"):
            return self.typed
        return OtherTimeForm(initial={"any_hours": self.any_hours})

    def _kept(self) -> list[tuple[str, object]]:
        kept = [one for one in super()._kept() if one[0] != "topics"]
        return [*kept, ("any_hours", 1)] if self.any_hours else kept

    def _other_zone(self, zone: str) -> str:
        theirs: str = self.booking.trainee.time_zone
        return theirs if self.is_trainer and theirs != zone else ""
