"""How a trainee comes to a call: checks tried, exercises done, and who may read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from courses.models import Attempt, AttemptKind
from lms.people.access import MemberRequest
from lms.walls import unscoped
from sessions.models import Booking, BookingState


def may_see_answers(request: MemberRequest, call: Booking) -> bool:
    """Whether they may read the trainee's check answers: both met, or will meet."""
    if request.user.pk == call.trainee_id:
        return False
    is_theirs = request.user.pk == call.trainer.user_id
    has_met = call.state in (BookingState.BOOKED, BookingState.DONE)
    return request.access.is_staff or (is_theirs and has_met)


def tried_checks(calls: Iterable[Booking]) -> dict[int, set[int]]:
    """By call, the topics whose check its trainee has tried; one query for any."""
    calls = list(calls)
    tried: dict[int, set[int]] = defaultdict(set)
    rows = (
        unscoped(Attempt.objects, "which topics only, of one's own calls")
        .filter(
            enrolment__in=[call.enrolment_id for call in calls],
            kind=AttemptKind.CHECK,
            submitted_at__isnull=False,
        )
        .order_by()
        .values_list("enrolment", "topic")
        .distinct()
    )
    for enrolment, topic in rows:
        tried[enrolment].add(topic)
    return {call.pk: tried[call.enrolment_id] for call in calls}


def practised_in(call: Booking) -> dict[int, list[Attempt]]:
    """The last try at each exercise of the call's topics, by topic; one query."""
    tries = (
        unscoped(Attempt.objects, "of a call whose trainer or the channel team asks")
        .filter(
            enrolment=call.enrolment_id,
            topic__in=[topic.topic_id for topic in call.topics.all()],
            kind=AttemptKind.PRACTICE,
            submitted_at__isnull=False,
        )
        .defer("key", "answers", "order")
    )
    last: dict[tuple[int, str], Attempt] = {}
    for attempt in tries:  # the oldest first
        if attempt.questions and (key := attempt.questions[0].get("exercise")):
            last[attempt.topic_id, key] = attempt
    by_topic: dict[int, list[Attempt]] = defaultdict(list)
    for (topic, _key), attempt in last.items():
        by_topic[topic].append(attempt)
    return by_topic
