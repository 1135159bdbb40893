"""What a trainer sees of people: the ready in own programmes, and whom they met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils.timezone import now

from courses.models import (
    Attempt,
    EditionTopic,
    Enrolment,
    Evidence,
    Preparation,
    TopicCompletion,
)
from courses.progress import TopicProgress, progress_of
from lms.people.access import Access
from lms.people.models import Member
from sessions.models import Booking, BookingTopic, Trainer


def trainer_of(access: Access) -> Trainer:
    """The trainer that somebody is; 403 for all others."""
    if not access.is_trainer:
        raise PermissionDenied
    trainer: Trainer = access.user.trainer
    return trainer


def bookable_by(trainer: Trainer) -> QuerySet[Enrolment]:
    """Open enrolments in the trainer's programmes, of people who are still there."""
    return (
        Enrolment.objects.open()
        .filter(
            programme__in=trainer.programmes.all(),
            member__in=Member.objects.live(),
            member__user__is_active=True,
        )
        .exclude(member__user=trainer.user_id)
    )


def ready_for(trainer: Trainer) -> QuerySet[Enrolment]:
    """Those of them in which a topic is ready and not booked, longest first.

    The same question as `ready_topics`, asked of all rows at once (a test holds the
    two together); who is away now is left out. Each carries `since`: from when on
    they could have booked.
    """
    today = now().date()
    evidence = Evidence.objects.filter(
        enrolment=OuterRef(OuterRef("pk")), topic=OuterRef("topic"), voided_at=None
    )
    used_up = Exists(
        Attempt.objects.filter(
            enrolment=OuterRef(OuterRef("pk")), topic=OuterRef("topic")
        ).used_up()
    )
    has_check = Q(needs_check=False) | Exists(evidence.filter(kind="check"))
    has_call = Q(needs_call=False) | Exists(evidence.filter(kind="call"))
    prepared = (Q(needs_read=False) | Exists(evidence.filter(kind="read"))) & (
        has_check | used_up
    )
    ready = (
        EditionTopic.objects.filter(edition=OuterRef("edition"))
        .filter(~has_call | (~has_check & used_up))
        .filter(Q(edition__preparation=Preparation.ADVISED) | prepared)
        .exclude(Exists(evidence.filter(kind="exemption")))
        .exclude(
            Exists(
                TopicCompletion.objects.filter(
                    enrolment=OuterRef(OuterRef("pk")),
                    topic=OuterRef("topic"),
                    voided_at=None,
                )
            )
        )
        .exclude(
            Exists(
                BookingTopic.objects.filter(
                    booked_for=OuterRef(OuterRef("pk")), topic=OuterRef("topic")
                )
            )
        )
    )
    return (
        bookable_by(trainer)
        .filter(Exists(ready))
        .exclude(member__away_from_on__lte=today, member__away_until_on__gte=today)
        .annotate(
            since=Greatest(
                "enrolled_at",
                Coalesce(_last(Booking.objects.agreed(), "ended_at"), "enrolled_at"),
                Coalesce(_last(Booking.objects, "signed_off_at"), "enrolled_at"),
                Coalesce(
                    _last(
                        Evidence.objects.filter(
                            enrolment__edition__preparation=Preparation.FIRST
                        ),
                        "at",
                    ),
                    "enrolled_at",
                ),
            )
        )
        .order_by("since", "pk")
    )


def _last(rows: Any, field: str) -> Subquery:
    """When the last of the enrolment's rows was; None without one."""
    latest = rows.filter(enrolment=OuterRef("pk")).order_by()
    return Subquery(latest.values("enrolment").annotate(last=Max(field)).values("last"))


@dataclass(frozen=True)
class ReadyPerson:
    """Somebody who could book, and has not."""

    enrolment: Enrolment
    topics: list[TopicProgress]

    @property
    def is_prepared(self) -> bool:
        return all(topic.is_prepared for topic in self.topics)

    @property
    def minutes(self) -> int:
        return sum(topic.asked.call_minutes for topic in self.topics)


def ready_people(enrolments: Iterable[Enrolment]) -> list[ReadyPerson]:
    """Load what the list shows of these enrolments; five queries for any number."""
    enrolments = list(enrolments)
    progress = progress_of(enrolments)
    booked = set(
        BookingTopic.objects.filter(
            booked_for__in=[enrolment.pk for enrolment in enrolments]
        ).values_list("booked_for_id", "topic_id")
    )
    return [
        ReadyPerson(
            enrolment,
            [
                topic
                for topic in progress[enrolment.pk].for_call
                if (enrolment.pk, topic.topic.pk) not in booked
            ],
        )
        for enrolment in enrolments
    ]
