"""The booked call, on the pages of the rooms below."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.utils.timezone import now
from django.utils.translation import gettext as _

from courses.leaving import undo_until
from courses.models import EditionTopic, Enrolment, TopicPage
from lms.mail.times import day
from lms.mail.zones import city
from lms.people.models import User
from lms.people.printing import unprinted
from lms.walls import unscoped
from sessions import asking, offers
from sessions.last_call import name_before_last, name_to_ask_in
from sessions.models import (
    Booking,
    BookingState,
    BookingTopic,
    Origin,
    PartOfDay,
    TimeRequest,
    Waiting,
)
from sessions.offer_forms import weekday
from sessions.room import Join

register = template.Library()


@register.simple_tag
def call_for_topics(enrolment: Enrolment | None) -> dict[int, Booking]:
    """`{% call_for_topics enrolment as calls %}`: booked calls by topic; one query."""
    if enrolment is None:
        return {}
    booked = unscoped(BookingTopic.objects, "of the reader's own enrolment").filter(
        booked_for=enrolment
    )
    return {row.topic_id: row.booking for row in booked.select_related("booking")}


@register.filter
def for_topic(calls: dict[int, Booking], topic_pk: int) -> Booking | None:
    """`{{ calls|for_topic:topic.pk }}`: the call that has the topic, if one has."""
    return calls.get(topic_pk)


@register.simple_tag
def booked_call_for(enrolment: Enrolment | None, topic: TopicPage) -> Booking | None:
    """`{% booked_call_for enrolment page as call %}`: its booked call; one query.

    No more of it than a topic's page shows: when, and where more is said.
    None, and no query, for the made-up reader of a preview.
    """
    if enrolment is None or not enrolment.pk:
        return None
    booked = (
        unscoped(Booking.objects, "of the reader's own enrolment")
        .filter(topics__booked_for=enrolment, topics__topic=topic.pk)
        .only("ref", "starts_at", "ends_at")
    )
    return next(iter(booked.order_by()), None)  # there is but one


@register.simple_tag
def open_offers(user: User) -> list[offers.Offer]:
    """`{% open_offers user as offers %}`: what waits for their answer; one query.

    Shown by `sessions/_open_offers.html`.
    """
    return offers.open_offers(user)


@register.simple_tag
def open_request(enrolment: Enrolment) -> TimeRequest | None:
    """`{% open_request enrolment as asked %}`: the time asked for; one query.

    Shown by `sessions/_asked.html`.
    """
    return asking.open_request(enrolment)


@register.simple_tag
def waiting_for(call: Booking) -> Waiting | None:
    """`{% waiting_for call as waiting %}`: since when an earlier time is waited for.

    One query. Shown by `sessions/_waiting.html`.
    """
    rows = unscoped(Waiting.objects, "of a call that was fetched in scope")
    return rows.open().filter(booking=call).first()


@register.simple_tag
def name_in_last_call(call: Booking) -> str:
    """`{% name_in_last_call call as name %}`: to be confirmed in it; else nothing.

    Shown by `people/_confirm_name.html`.
    """
    return name_to_ask_in(call)


@register.simple_tag
def name_before_booking(
    enrolment: Enrolment, topics: Iterable[EditionTopic], reader: User
) -> str:
    """`{% name_before_booking enrolment chosen request.user as name %}`: as above.

    For the trainee alone, who chooses these topics for a call.
    """
    if reader.pk != enrolment.member.user_id:
        return ""
    agenda = {topic.topic_id for topic in topics}
    return name_before_last(enrolment, agenda)


@register.filter
def letters_of_name(name: str) -> list[str]:
    """`{{ name|letters_of_name }}`: what of it cannot be printed yet."""
    return unprinted(name)


@register.filter
def asked_words(asked: TimeRequest) -> str:
    """`{{ asked|asked_words }}`: Monday, Friday · Morning, 6:00 to 12:00 (London)."""
    days = ", ".join(weekday(number) for number in asked.weekdays)
    parts = "; ".join(str(PartOfDay(part).label) for part in asked.parts)
    words = f"{days} · {parts} ({city(asked.time_zone)})"
    return f"{words} · “{asked.note}”" if asked.note else words


@register.filter
def zone_city(zone: str) -> str:
    """`{{ times_zone|zone_city }}`: the zone as people say it, "New York"."""
    return city(zone)


@register.filter
def asked_elsewhere(asked: TimeRequest, zone: str) -> str:
    """`{{ asked|asked_elsewhere:zone }}`: the same by another clock, "" by one's own."""
    if asked.time_zone == zone:
        return ""
    return f"{'; '.join(asking.parts_elsewhere(asked, zone))} ({city(zone)})"


@register.filter
def join_of(joins: dict[int, Join], call: Booking) -> Join | None:
    """`{{ joins|join_of:call }}`: the call's own of the buttons of `ways_in`."""
    return joins.get(call.pk)


@register.filter
def how_it_stands(call: Booking, reader: User) -> str:
    """`{{ call|how_it_stands:request.user }}`: what has become of a call, by whom.

    Empty for one that is to come. No query for calls of `for_agenda`.
    """
    if call.state == BookingState.CANCELLED:
        return _cancelled_by(call, reader)
    if call.state == BookingState.MISSED:
        return _missed_by(call, reader)
    if call.state == BookingState.DONE:
        return _("Signed off")
    if call.state == BookingState.BOOKED and call.ends_at <= now():
        if reader.pk != call.trainee_id:
            return _("Waiting for sign-off")
        return _("Waiting for %(trainer)s’s sign-off") % {"trainer": call.trainer}
    until = undo_until(call.enrolment)
    if until and until < call.starts_at and call.state == BookingState.BOOKED:
        return _("Freed on %(day)s") % {"day": day(until, reader.time_zone)}
    return ""


def _cancelled_by(call: Booking, reader: User) -> str:
    if call.ended_by is None:
        return _("Cancelled")
    if call.ended_by == reader:
        return _("Cancelled by you")
    return _("Cancelled by %(name)s") % {"name": call.ended_by}


def _missed_by(call: Booking, reader: User) -> str:
    by_trainer = call.missed_by == Origin.TRAINER
    who = call.trainer.user if by_trainer else call.trainee
    if who == reader:
        return _("Missed by you")
    return _("%(name)s did not come") % {"name": who}
