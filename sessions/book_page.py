"""The page on which topics and a time are chosen, by either side."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from courses.models import EditionTopic, Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from sessions.booking import TimeTaken, length_of, ready_topics
from sessions.forms import BookCallForm, PickForm
from sessions.models import Trainer
from sessions.picking import fits, times_page, who
from sessions.slots import Slot, free_slots


class BookPage:
    """What the page shows, from the address, or from the form sent and refused."""

    template = "sessions/book.html"
    fragment = "sessions/_picking.html"
    any_notice = False

    def __init__(
        self,
        request: MemberRequest,
        enrolment: Enrolment,
        trainer: Trainer | None = None,
    ) -> None:
        self.request = request
        self.enrolment = enrolment
        self.own_trainer = trainer
        self.errors: list[str] = []
        self.is_taken = False
        self.asked = list(enrolment.edition.topics.all())
        self.trainers = Trainer.objects.filter(
            is_active=True, user__is_active=True, programmes=enrolment.programme_id
        ).select_related("user")

    def form(self) -> BookCallForm:
        """The form that was sent."""
        return BookCallForm(
            self.request.POST, topics=self.asked, trainers=self.trainers
        )

    def invalid(self, form: BookCallForm) -> HttpResponse:
        """Answer with the page again, and what is wrong with what was sent."""
        self.errors = [
            str(error) for errors in form.errors.values() for error in errors
        ]
        return self.answer(status=422)

    def refused(self, refusal: Refused) -> HttpResponse:
        """Answer with the page again, and the rule's no."""
        self.errors = [str(refusal)]
        self.is_taken = isinstance(refusal, TimeTaken)
        return self.answer(status=409)

    def answer(self, status: int = 200) -> HttpResponse:
        """Answer with the page, or for htmx with the part that changes."""
        template = self.fragment if self.request.htmx else self.template
        response = render(self.request, template, self.context(), status=status)
        patch_vary_headers(response, ["HX-Request"])
        return response

    def context(self) -> dict[str, Any]:
        """All that the template shows; a bad value in the address counts as none."""
        wanted = PickForm(
            self.request.POST or self.request.GET,
            topics=self.asked,
            trainers=self.trainers,
        )
        wanted.is_valid()
        if "zone" in wanted.errors:
            self.errors.append(
                _("We do not know that time zone, so times are in your own.")
            )
        said = wanted.cleaned_data
        zone = said.get("zone") or self.request.user.time_zone
        trainer = self.own_trainer or said.get("trainer")
        start: datetime | None = said.get("start")
        ready = ready_topics(self.enrolment)
        chosen = self._chosen(ready, list(said.get("topics") or []))
        length = length_of(chosen)
        slots = self._slots(chosen, length, trainer)
        selected = next((slot for slot in slots if slot.starts_at == start), None)
        if start and not selected and not self.errors and chosen:
            self.errors.append(
                _("%(time)s is not free, or no longer. These are near it.")
                % {"time": times.moment(start, zone)}
            )
        if selected and self.is_taken:
            selected = None
        trainers = list(self.trainers)
        link = self._link(
            chosen, said.get("trainer"), said.get("zone"), said.get("day")
        )
        return {
            "enrolment": self.enrolment,
            "errors": self.errors,
            "status_taken": self.is_taken,
            "topics": [(topic, topic in chosen) for topic in ready],
            "chosen": chosen,
            "minutes": int(length.total_seconds() // 60),
            "longest_minutes": int(settings.LONGEST_CALL.total_seconds() // 60),
            "is_too_long": length > settings.LONGEST_CALL,
            "trainers": trainers,
            "trainer": trainer,
            "zones": PickForm.base_fields["zone"].choices,  # type: ignore[attr-defined]  # a ChoiceField
            "times_zone": zone,
            "day": said.get("day"),
            "times": times_page(
                slots,
                ZoneInfo(zone),
                link,
                day=said.get("day"),
                start=start,
                other_zone=self._other_zone(zone),
            ),
            "confirm": self._confirm(selected, length, trainers),
            "request_key": uuid4(),
        }

    def _chosen(
        self, ready: list[EditionTopic], wanted: list[EditionTopic]
    ) -> list[EditionTopic]:
        if "picked" not in (self.request.POST or self.request.GET):
            return fits(ready)
        return [topic for topic in ready if topic in wanted]

    def _slots(
        self, chosen: list[EditionTopic], length: timedelta, trainer: Trainer | None
    ) -> list[Slot]:
        if not chosen or length > settings.LONGEST_CALL:
            return []
        return free_slots(
            self.enrolment, length, trainer=trainer, any_notice=self.any_notice
        )

    def _confirm(
        self, slot: Slot | None, length: timedelta, trainers: list[Trainer]
    ) -> dict[str, Any] | None:
        if slot is None:
            return None
        able = who(slot, trainers)
        return {
            "starts_at": slot.starts_at,
            "ends_at": slot.starts_at + length,
            "value": f"{slot.starts_at:%Y-%m-%dT%H:%MZ}",
            "trainer": able[0] if len(able) == 1 else None,
            "trainers": able,
        }

    def _other_zone(self, zone: str) -> str:
        return ""

    def _link(
        self,
        chosen: list[EditionTopic],
        trainer: Trainer | None,
        zone: str | None,
        day: date | None,
    ) -> Any:
        kept: list[tuple[str, object]] = [("picked", 1)]
        kept += [("topics", topic.pk) for topic in chosen]
        if trainer:
            kept.append(("trainer", trainer.pk))
        if zone:
            kept.append(("zone", zone))
        path = self.request.path

        def link(*, start: datetime | None = None, day: date | None = day) -> str:
            more = [("day", day)] if day else []
            if start:
                more.append(("start", f"{start:%Y-%m-%dT%H:%MZ}"))  # type: ignore[arg-type]  # beside a date
            return (
                f"{path}?{urlencode([*kept, *more])}#{'confirm' if start else 'times'}"
            )

        return link
