"""What the pages of programmes and topics show, in words for the components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from wagtail.models import Page

from content.addresses import address_of
from content.blocks import lines_in
from content.walls import access_from
from courses import past, previews, reading
from courses.bodies import Texts, blocks_of, texts_of
from courses.models import (
    Edition,
    Enrolment,
    EvidenceKind,
    ProgrammePage,
    TopicPage,
)
from courses.places import anchor_of, place_in
from courses.progress import Progress, Step, TopicProgress
from lms import states
from lms.mail import times

register = template.Library()

COMPLETE = states.State(
    "complete",
    gettext_lazy("Complete"),
    "check",
    "good",
    gettext_lazy("All its steps are done."),
    states.Actor.NOBODY,
)


class Call(Protocol):
    """A booked call, which a higher room brings."""

    starts_at: datetime
    ends_at: datetime

    def get_absolute_url(self) -> str: ...


@dataclass(frozen=True)
class ShownStep:
    """A step in words, for the component `steps`."""

    word: str
    state: str
    detail: str = ""
    url: str = ""
    action: str = ""


@dataclass(frozen=True)
class Way:
    """A link with its words: a crumb, a way on."""

    label: str
    url: str


@dataclass(frozen=True)
class Fact:
    """A term and its value, for the component `key_facts`."""

    label: str
    value: str


@dataclass(frozen=True)
class ShownTopic:
    """A topic in words, for the component `outline`."""

    title: str
    state: str
    url: str
    current: bool = False
    detail: str = ""


@register.simple_tag(takes_context=True)
def open_programmes(context: Context) -> list[reading.OpenProgramme]:
    """`{% open_programmes as programmes %}`: those that take people now."""
    return reading.open_programmes(access_from(context.get("request")))


@register.simple_tag(takes_context=True)
def programme_reader(context: Context, page: ProgrammePage) -> reading.Reader:
    """`{% programme_reader page as reader %}`: what it asks of who reads it."""
    request = context.get("request")
    return reading.reader_of(page, access_from(request), request)


@register.simple_tag(takes_context=True)
def topic_reader(context: Context, page: TopicPage) -> reading.TopicReader:
    """`{% topic_reader page as reader %}`: what it asks of who reads it.

    In a preview they are made up.
    """
    request = context.get("request")
    if mode := previews.mode_in(request):
        return previews.reader_in(page, mode)
    return reading.topic_reader_of(page, access_from(request), request)


@register.simple_tag(takes_context=True)
def outline_of(
    context: Context, reader: reading.Reader, page: TopicPage | None = None
) -> list[ShownTopic]:
    """`{% outline_of reader page as items %}`: the topics, with the reader's ticks."""
    return [
        ShownTopic(
            title=topic.title,
            state=_topic_state(topic),
            url=address_of(topic.topic, context.get("request")),
            current=page is not None and topic.asked.topic_id == page.pk,
            detail="" if topic.topic.live else _("being revised"),
        )
        for topic in reader.topics
    ]


@register.simple_tag(takes_context=True)
def steps_of(
    context: Context,
    reader: reading.TopicReader,
    topic: TopicProgress,
    call: Call | None = None,
) -> list[ShownStep]:
    """`{% steps_of reader topic call as steps %}`: what completes it, ticked."""
    zone = context["zone"]
    if topic.exempted_at:
        on = times.day(topic.exempted_at, zone)
        word = _("You need not do this topic: ByteKast exempted you")
        return [ShownStep(word, "done", on)]

    shown, is_next = [], reader.enrolment is not None
    for step in topic.steps:
        if step.is_done:
            shown.append(_done_step(step, zone))
            continue
        shown.append(_open_step(step, reader, topic, call, is_next, zone))
        is_next = False
    return shown


@register.simple_tag(takes_context=True)
def crumbs_of(
    context: Context, page: Page, programme: ProgrammePage | None = None
) -> list[Way]:
    """`{% crumbs_of page programme as crumbs %}`: the way up, one step."""
    above = programme or page.get_parent()
    return [Way(above.title, address_of(above, context.get("request")))]


@register.simple_tag(takes_context=True)
def address(context: Context, page: Page) -> str:
    """`<a href="{% address reader.before.topic %}">`: the page's own."""
    return address_of(page, context.get("request"))


@register.simple_tag(takes_context=True)
def next_of(
    context: Context, reader: reading.Reader, calls: Mapping[int, Call]
) -> list[Way]:
    """`{% next_of reader calls as ways %}`: what the reader may do now, first first."""
    if reader.progress is None or reader.enrolment is None:
        return []
    ways = []
    topic = reader.progress.next_topic
    if topic and not topic.is_prepared:
        words = (
            _("Continue: %(topic)s")
            if reader.progress.is_begun
            else _("Start with %(topic)s")
        )
        url = address_of(topic.topic, context.get("request"))
        ways.append(Way(words % {"topic": topic.title}, url))
    ready = [
        each for each in reader.progress.for_call if each.asked.topic_id not in calls
    ]
    if ready:
        words = ngettext(
            "Book a call: %(count)d topic", "Book a call: %(count)d topics", len(ready)
        )
        url = reverse("sessions:book", args=[reader.enrolment.pk])
        ways.append(Way(words % {"count": len(ready)}, url))
    coming = [call for call in calls.values() if call.ends_at > now()]
    if coming:
        call = min(coming, key=lambda each: each.starts_at)
        at = times.moment(call.starts_at, context["zone"])
        ways.append(Way(_("Your call: %(at)s") % {"at": at}, call.get_absolute_url()))
    return ways


@register.simple_tag(takes_context=True)
def topic_way_on(
    context: Context, reader: reading.TopicReader, call: Call | None
) -> Way | None:
    """`{% topic_way_on reader call as way %}`: once a topic is read, what comes next."""
    here = reader.here
    wants_check = here is not None and here.is_missing(EvidenceKind.CHECK)
    if here and wants_check and not here.is_check_used_up and reader.enrolment:
        return Way(_("Take the check"), "#check")
    calls = (
        {} if call is None or not reader.here else {reader.here.asked.topic_id: call}
    )
    return next(iter(next_of(context, reader, calls)), None)


@register.simple_tag
def facts_of(reader: reading.Reader) -> list[Fact]:
    """`{% facts_of reader as facts %}`: for whom it is, and what it asks."""
    edition, enrolment = reader.edition, reader.enrolment
    if edition is None:
        return []
    teams = ", ".join(team.name for team in reader.teams)
    months = edition.validity_months
    lasts = (
        ngettext("%(months)d month", "%(months)d months", months) % {"months": months}
        if months
        else _("It does not expire")
    )
    facts = []
    if teams:
        facts.append(Fact(_("For"), teams))
        facts.append(Fact(_("Who has to qualify"), _need(edition)))
    if enrolment:
        facts.append(Fact(_("Why you are here"), reader.why))
        if enrolment.valid_from:
            facts.append(Fact(_("Completed"), times.on_day(enrolment.valid_from)))
            if enrolment.valid_until:
                until = times.on_day(enrolment.valid_until)
                facts.append(Fact(_("Valid until"), until))
        elif enrolment.due_on:
            label = _("Overdue since") if enrolment.is_overdue else _("Due")
            facts.append(Fact(label, times.on_day(enrolment.due_on)))
    minutes = sum(
        (topic.asked.call_length for topic in reader.topics if topic.asked.needs_call),
        timedelta(),
    )
    if minutes:
        facts.append(Fact(_("Time in calls"), times.length(minutes)))
    return [*facts, Fact(_("The qualification lasts"), lasts)]


@register.simple_tag(takes_context=True)
def topic_texts(
    context: Context, page: TopicPage, reader: reading.TopicReader
) -> Texts:
    """`{% topic_texts page reader as texts %}`: its text; no query where it is kept."""
    return texts_of(page, context.get("request"), in_call=reader.has_call)


@register.simple_tag(takes_context=True)
def stopped_at(context: Context, page: TopicPage, reader: reading.TopicReader) -> str:
    """`{% stopped_at page reader as anchor %}`: where to read on, if not at the top.

    One query until they have read it; none for the made-up reader of a preview.
    """
    request = context.get("request")
    access = access_from(request)
    if access is None or reader.has_read or previews.mode_in(request):
        return ""
    place = place_in(access.user, page)
    further = blocks_of(page, request)[1:]
    return anchor_of(place) if place in further else ""


@register.simple_tag
def criteria_of(reader: reading.TopicReader, page: TopicPage) -> list[str]:
    """`{% criteria_of reader page as criteria %}`: what the reader is measured by."""
    if reader.here is not None and reader.edition is not None:
        return list(reader.here.asked.criteria)
    return list(lines_in(page.criteria))


@register.filter
def status_of(topic: TopicProgress, call: Call | None) -> states.State:
    """`{{ topic|status_of:call }}`: where the reader is in a topic."""
    if topic.exempted_at:
        return states.EXEMPT
    if topic.is_complete:
        return COMPLETE
    if call is not None:
        is_over = call.ends_at <= now()
        return states.WAITING_FOR_SIGN_OFF if is_over else states.CALL_BOOKED
    if topic.is_begun and topic.wants_call and topic.is_prepared:
        return states.READY
    return states.IN_PROGRESS if topic.is_begun else states.NOT_STARTED


def _need(edition: Edition) -> str:
    if not edition.need_count:
        return _("Everyone whose team it is for")
    return ngettext(
        "At least %(count)d person of each reseller",
        "At least %(count)d people of each reseller",
        edition.need_count,
    ) % {"count": edition.need_count}


@register.filter
def is_ready_for_call(topic: TopicProgress, reader: reading.Reader) -> bool:
    """`{% if topic|is_ready_for_call:reader %}`: whether a call may cover it now."""
    return reader.progress is not None and topic in reader.progress.for_call


@register.simple_tag
def earlier_cycles_of(enrolment: Enrolment | None) -> list[Progress]:
    """`{% earlier_cycles_of enrolment as earlier %}`: what was completed before it."""
    return past.earlier_cycles(enrolment)


@register.filter
def has_past(topic: TopicProgress, enrolment: Enrolment) -> bool:
    """`{% if topic|has_past:enrolment %}`: whether its text was another one then."""
    return past.has_past(topic, enrolment)


@register.filter
def steps_in_a_line(topic: TopicProgress) -> str:
    """`{{ topic|steps_in_a_line }}`: Read · Call, 20 minutes."""
    return " · ".join(_asked(step.kind, topic) for step in topic.steps)


def _asked(kind: EvidenceKind, topic: TopicProgress) -> str:
    """What a step is called where there is little room."""
    words = {EvidenceKind.READ: _("Read"), EvidenceKind.CHECK: _("Check")}
    if kind != EvidenceKind.CALL:
        return words[kind]
    return _("Call, %(length)s") % {"length": times.length(topic.asked.call_length)}


def _topic_state(topic: TopicProgress) -> str:
    if topic.is_complete:
        return "done"
    return "current" if topic.is_begun else "open"


def _done_step(step: Step, zone: str) -> ShownStep:
    words = {
        EvidenceKind.READ: _("You have read it"),
        EvidenceKind.CHECK: _("You passed the check"),
        EvidenceKind.CALL: _("You went through it with a trainer"),
    }
    return ShownStep(
        words[step.kind], "done", times.day(step.at, zone) if step.at else ""
    )


def _open_step(
    step: Step,
    reader: reading.Reader,
    topic: TopicProgress,
    call: Call | None,
    is_next: bool,
    zone: str,
) -> ShownStep:
    state = "current" if is_next else "open"
    if step.kind == EvidenceKind.READ:
        return ShownStep(_("Read this page"), state, _("Confirm it at its foot."))
    if step.kind == EvidenceKind.CHECK:
        if topic.is_check_used_up:
            detail = _("Talk it through in your call.")
            return ShownStep(_("Pass its check"), "open", detail)
        if reader.enrolment is None:
            return ShownStep(_("Pass its check"), state)
        return ShownStep(_("Pass its check"), state, "", "#check", _("Go to it"))

    word = _("Go through it with a trainer")
    if call is not None:
        at = times.moment(call.starts_at, zone)
        detail = _("Your call is booked: %(at)s") % {"at": at}
        url = call.get_absolute_url()
        return ShownStep(word, state, detail, url, _("See the call"))
    length = times.length(topic.asked.call_length)
    detail = _("One to one, in a video call: %(length)s") % {"length": length}
    if reader.enrolment is None:
        return ShownStep(word, state, detail)
    if is_ready_for_call(topic, reader):
        url = reverse("sessions:book", args=[reader.enrolment.pk])
        return ShownStep(word, state, detail, url, _("Book a call"))
    if not topic.is_missing(EvidenceKind.READ):
        why = _("Opens when you have passed the check.")
        return ShownStep(word, "locked", why, "#check", _("To the check"))
    why = (
        _("Opens when you have read this page and passed its check.")
        if topic.is_missing(EvidenceKind.CHECK) and not topic.is_check_used_up
        else _("Opens when you have read this page.")
    )
    return ShownStep(word, "locked", why, "#topic-foot", _("To its foot"))
