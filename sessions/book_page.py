"""The page on which topics and times are chosen, by either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zlib import crc32
from zoneinfo import ZoneInfo

from django.conf import settings
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from courses.models import EditionTopic, Enrolment
from lms.errors import Refused
from lms.mail import times
from lms.people.access import MemberRequest
from lms.walls import unscoped
from sessions.booking import TimeTaken, length_of, parts_of, ready_topics
from sessions.forms import BookCallForm, PickForm
from sessions.load import team_was_told
from sessions.models import Trainer
from sessions.notice import may_skip_notice
from sessions.picking import CallPick, Link, fits, languages_of, times_page
from sessions.slots import Search, Slot, find, first_free, search_for

ENOUGH = 50  # trainers whose free times a page shows, of however many


class BookPage:
    """What the page shows, from the address, or from the form sent and refused.

    Topics of more than 90 minutes make several calls, each with its own times; with
    `one_call` they are refused instead. `trainer` is one whose times alone count.
    """

    template = "sessions/book.html"
    fragment = "sessions/_picking.html"
    confirm_template = "sessions/_confirm_book.html"
    any_notice = False
    one_call = False

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

    # --- What can be chosen from ------------------------------------------------

    @cached_property
    def asked(self) -> list[EditionTopic]:
        return list(self.enrolment.edition.topics.all())

    @cached_property
    def ready(self) -> list[EditionTopic]:
        return ready_topics(self.enrolment)

    @property
    def qualified(self) -> Any:
        """Who could hold the call, as a query."""
        return (
            unscoped(Trainer.objects, "anybody qualified may be asked for")
            .filter(
                is_active=True,
                user__is_active=True,
                programmes=self.enrolment.programme_id,
            )
            .exclude(user=self.enrolment.member.user_id)
            .select_related("user")
        )

    @cached_property
    def trainers(self) -> list[Trainer]:
        return list(self.qualified)

    @cached_property
    def languages(self) -> list[tuple[str, str]]:
        return languages_of(self.trainers)

    @cached_property
    def skips_notice(self) -> bool:
        """Whether the shortest notice is waived: for a trainer, or owed to a trainee."""
        return self.any_notice or may_skip_notice(self.enrolment)

    # --- Forms ------------------------------------------------------------------

    def form(self) -> BookCallForm:
        """The form that was sent."""
        return BookCallForm(
            self.request.POST,
            topics=self.asked,
            trainers=self.qualified,
            languages=self.languages,
            one_call=self.one_call,
        )

    def invalid(self, form: Form) -> HttpResponse:
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

    # --- What was chosen --------------------------------------------------------

    @property
    def data(self) -> Any:
        return self.request.POST or self.request.GET

    @cached_property
    def said(self) -> dict[str, Any]:
        """What the address or the form says; a bad value counts as none."""
        form = PickForm(
            self.data,
            topics=self.asked,
            trainers=self.qualified,
            languages=self.languages,
        )
        form.is_valid()
        if "zone" in form.errors:
            self.errors.append(
                _("We do not know that time zone, so times are in your own.")
            )
        return form.cleaned_data

    @property
    def is_picked(self) -> bool:
        """Whether somebody has chosen, or only opened the page."""
        return "picked" in self.data

    @cached_property
    def zone(self) -> str:
        return self.said.get("zone") or self.request.user.time_zone

    @cached_property
    def trainer(self) -> Trainer | None:
        return self.own_trainer or self.said.get("trainer")

    @cached_property
    def language(self) -> str:
        """The one asked for; at first the person's own, if a trainer speaks it."""
        if self.is_picked or self.trainer or len(self.languages) < 2:
            return self.said.get("language") or ""
        own = self.enrolment.member.user.language[:2]
        return own if own in dict(self.languages) else ""

    @cached_property
    def starts(self) -> list[datetime | None]:
        """The start asked for each call."""
        return list(self.said.get("start") or [])

    @cached_property
    def chosen(self) -> list[EditionTopic]:
        if not self.is_picked:
            return fits(self.ready) if self.one_call else self.ready
        wanted = list(self.said.get("topics") or [])
        return [topic for topic in self.ready if topic in wanted]

    def parts(self) -> list[tuple[Sequence[Any], timedelta]]:
        """Each call that is wanted: its topics, its length."""
        calls = [self.chosen] if self.one_call else parts_of(self.chosen)
        return [(topics, length_of(topics)) for topics in calls if topics]

    @cached_property
    def calls(self) -> list[CallPick]:
        """The calls with the times chosen, and where each could be."""
        calls = [
            CallPick(number, topics, length, start, trainers=self.trainers)
            for number, ((topics, length), start) in enumerate(
                zip(self.parts(), chain(self.starts, repeat(None)), strict=False),
                start=1,
            )
        ]
        for call in calls:
            if call.length <= settings.LONGEST_CALL:
                self._look(call, self.search(call, calls))
        self._say_what_is_gone(calls)
        return calls

    def search(self, call: CallPick, calls: Sequence[CallPick]) -> Search:
        """What the engine is asked for one call, beside what is chosen for others."""
        besides = tuple(
            (other.start, other.start + other.length)
            for other in calls
            if other is not call and other.start
        )
        return search_for(
            self.enrolment,
            call.length,
            trainer=self.trainer,
            language=self.language,
            besides=besides,
            # what is owed for one missed call is owed for one new call alone
            any_notice=self.any_notice or (call.number == 1 and self.skips_notice),
        )

    def find(self, search: Search) -> list[Slot]:
        """The times that are listed."""
        return find(search)

    def _look(self, call: CallPick, search: Search) -> None:
        """Find the free times of one call; where there are none, the first.

        Of very many trainers it looks at some: their times are more than anybody reads,
        and the page takes no longer however many there are. A time that was chosen is
        asked of all, as the booking itself will be.
        """
        some = None if search.trainer else self._some()
        call.slots = self.find(replace(search, among=some))
        if some is not None:
            if not call.slots:
                call.slots = self.find(search)
            elif call.start and call.slot is None:
                end = call.start + timedelta(minutes=1)
                at_it = self.find(replace(search, after=call.start, before=end))
                call.slots = sorted([*call.slots, *at_it])
        if not call.slots:
            call.first = first_free(search)

    def _some(self) -> frozenset[int] | None:
        """Who is looked at of very many trainers: the same for one trainee, each time.

        Drawn by both keys, so that trainees meet different ones, and load is spread.
        """
        able = self._trainers_shown()
        if len(able) <= ENOUGH:
            return None
        trainee = self.enrolment.member.user_id
        drawn = sorted(able, key=lambda one: crc32(f"{trainee}:{one.pk}".encode()))
        return frozenset(one.pk for one in drawn[:ENOUGH])

    def _say_what_is_gone(self, calls: list[CallPick]) -> None:
        gone = [call for call in calls if call.is_gone]
        if self.is_taken and not gone:  # somebody let it go again meanwhile
            self.is_taken = False
        if not self.errors:
            self.errors += [
                _("%(time)s is not free, or no longer. These are near it.")
                % {"time": times.moment(call.start, self.zone)}
                for call in gone
                if call.start
            ]
        elif self.is_taken and len(calls) > 1:
            self.errors = [
                _("Call %(number)d: %(refusal)s")
                % {"number": call.number, "refusal": self.errors[0]}
                for call in gone
            ]

    def _open_one(self, calls: list[CallPick]) -> CallPick | None:
        """The call whose times are shown in full: asked for, else the next to choose.

        None when all are chosen; one alone stays open.
        """
        if len(calls) == 1:
            return calls[0]
        to_choose = [call for call in calls if call.slot is None]
        wanted = self.said.get("call")
        asked = [call for call in calls if call.number == wanted]
        if any(call.is_gone for call in to_choose):
            asked = []
        return next(iter([*asked, *to_choose]), None)

    # --- What the template gets ---------------------------------------------------

    def context(self) -> dict[str, Any]:
        """All that the template shows."""
        calls = self.calls
        opened = self._open_one(calls)
        for call in calls:
            call.is_open = call is opened
            link = self._links(call, calls)
            call.url = link(call=call.number)
            call.times = times_page(
                call.slots,
                ZoneInfo(self.zone),
                link,
                day=self.said.get("day") if call.is_open else None,
                start=call.start,
                other_zone=self._other_zone(self.zone),
            )
        chosen = [call for call in calls if call.slot]
        return {
            "enrolment": self.enrolment,
            "errors": self.errors,
            "status_taken": self.is_taken,
            "topics": [(topic, topic in self.chosen) for topic in self.ready],
            "chosen": self.chosen,
            "minutes": sum(call.minutes for call in calls),
            "longest_minutes": int(settings.LONGEST_CALL.total_seconds() // 60),
            "is_too_long": any(call.length > settings.LONGEST_CALL for call in calls),
            "trainers": self._trainers_shown(),
            "trainer": self.trainer,
            "languages": self.languages if len(self.languages) > 1 else [],
            "spoken": self.language,
            "times_zone": self.zone,
            "day": self.said.get("day"),
            "calls": calls,
            "times": opened.times if opened else None,
            "confirm": self._confirm(calls, chosen),
            "ask_url": self.ask_url,
            "any_trainer_url": self._any_trainer_url(),
            "team_told": any(not call.slots for call in calls)
            and team_was_told(self.enrolment.programme_id),
            "confirm_template": self.confirm_template,
            "request_key": uuid4(),
        }

    def _confirm(
        self, calls: list[CallPick], chosen: list[CallPick]
    ) -> dict[str, Any] | None:
        if not chosen:
            return None
        return {
            "calls": chosen,
            "starts": [call.value if call.slot else "" for call in calls],
            "missing": next((call for call in calls if not call.slot), None),
            "value": chosen[0].value,
        }

    def _trainers_shown(self) -> list[Trainer]:
        """Whom one may ask for by name: who speaks the language wanted."""
        return [
            one
            for one in self.trainers
            if not self.language
            or self.language in one.languages
            or one == self.trainer
        ]

    @property
    def ask_url(self) -> str:
        """Where one asks for a time, if none suits."""
        return reverse("sessions:ask", args=[self.enrolment.pk])

    def _other_zone(self, zone: str) -> str:
        return ""

    def _kept(self) -> list[tuple[str, object]]:
        """What every link keeps."""
        kept: list[tuple[str, object]] = [("picked", 1)]
        kept += [("topics", topic.pk) for topic in self.chosen]
        if self.trainer and not self.own_trainer:
            kept.append(("trainer", self.trainer.pk))
        if self.language:
            kept.append(("language", self.language))
        if zone := self.said.get("zone"):
            kept.append(("zone", zone))
        return kept

    def _any_trainer_url(self) -> str:
        """The same page with any trainer, where one by name was asked for."""
        if self.own_trainer or not self.trainer or len(self.trainers) < 2:
            return ""
        kept = [one for one in self._kept() if one[0] != "trainer"]
        return f"{self.request.path}?{urlencode(kept)}#times"

    def _links(self, pick: CallPick, calls: Sequence[CallPick]) -> Link:
        """Make what gives the page's address with a time chosen, or others shown.

        There is one for each free time: what they all keep is written once.
        """
        kept = f"{self.request.path}?{urlencode(self._kept())}"
        chosen = [one.value if one.slot else "" for one in calls]

        def link(
            *,
            start: datetime | None = None,
            day: date | None = None,
            call: int | None = None,
        ) -> str:
            query: list[tuple[str, object]] = []
            starts = list(chosen)
            if start:
                starts[pick.number - 1] = f"{start:%Y-%m-%dT%H:%MZ}"
            if len(calls) == 1 and not day:
                day = self.said.get("day")
            elif len(calls) > 1 and not start:
                query.append(("call", call or pick.number))
            if day:
                query.append(("day", day))
            if any(starts):
                query += [("start", one) for one in starts]
            part = "confirm" if start and all(starts) else "times"
            return f"{kept}&{urlencode(query)}#{part}" if query else f"{kept}#{part}"

        return link
