"""The last call of a programme: after it no other has to be booked.

Before it the person is asked how their certificate shall say their name.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils.timezone import now

from courses.models import Enrolment
from courses.progress import Progress, progress_of
from lms.people.confirming import name_to_confirm
from sessions.models import Booking, BookingState, BookingTopic


def is_last(progress: Progress, agenda: Collection[int]) -> bool:
    """Whether no call is left to book once these topics, by their keys, are covered.

    What is to read or to answer may be open still: it can be done at any time. Where
    no call is to come, or asked for at all, it is so as soon as something is done.
    """
    wanting = {topic.topic.pk for topic in progress.topics if topic.wants_call}
    is_begun = bool(agenda) or progress.is_begun
    return progress.enrolment.is_open and is_begun and wanting <= set(agenda)


def name_before_last(enrolment: Enrolment, agenda: Collection[int] = ()) -> str:
    """The name to ask about, if a call on these topics is the last one; else nothing.

    What is booked and to come counts in. One query where it is confirmed, else four.
    """
    name = name_to_confirm(enrolment.member.user)
    if not name:
        return ""
    topics = {topic for topic, _at in _coming(enrolment)}
    return name if _is_last(enrolment, topics | set(agenda)) else ""


def name_to_ask_in(call: Booking) -> str:
    """The name that is to be confirmed by this call's end; nothing where it need not.

    Of several calls booked, in the last of them. As many queries.
    """
    if call.state != BookingState.BOOKED or call.ends_at <= now():
        return ""
    name = name_to_confirm(call.trainee)
    if not name:
        return ""
    coming = _coming(call.enrolment)
    is_last_booked = all(at <= call.starts_at for _topic, at in coming)
    topics = {topic for topic, _at in coming}
    return name if _is_last(call.enrolment, topics) and is_last_booked else ""


def _coming(enrolment: Enrolment) -> list[tuple[int, datetime]]:
    """What the calls that are booked and to come are on, and when each begins."""
    rows = BookingTopic.objects.filter(
        booking__enrolment=enrolment,
        booking__state=BookingState.BOOKED,
        booking__ends_at__gt=now(),
    )
    return list(rows.values_list("topic", "booking__starts_at"))


def _is_last(enrolment: Enrolment, topics: Collection[int]) -> bool:
    return is_last(progress_of([enrolment])[enrolment.pk], topics)
