"""Trainers and their calls."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import factory
from django.db.models import Max
from django.utils.timezone import now
from factory import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory
from schedule.models import Calendar

from courses.models import (
    Enrolment,
    ProgrammePage,
    TopicPage,
)
from sessions.hours import set_weekly_hours
from sessions.models import (
    BoardTopic,
    Booking,
    BookingState,
    BookingTopic,
    CallBoard,
    CallFeedback,
    CallMessage,
    Dispute,
    Feed,
    Origin,
    OutsideBusy,
    OutsideCalendar,
    Presence,
    QualitySample,
    Signal,
    TeamFeed,
    TimeRequest,
    Trainer,
    Waiting,
)
from tests.factories.courses import EnrolmentFactory, first_topic
from tests.factories.people import MemberFactory, UserFactory

WORKING_WEEK = [(weekday, 9 * 60, 17 * 60) for weekday in range(5)]


def calendar(kind: str) -> LazyFunction:
    def make() -> Calendar:
        slug = f"{kind}-{Calendar.objects.count()}"
        return Calendar.objects.create(name=slug, slug=slug)

    return LazyFunction(make)


class TrainerFactory(DjangoModelFactory[Trainer]):
    """A trainer of no programme, Monday to Friday 9 to 5 in London.

    `programmes=` takes pages; `weekly_hours=` takes (weekday, start minute, end
    minute) of each window, [] for none.
    """

    class Meta:
        model = Trainer
        skip_postgeneration_save = True

    user = SubFactory(UserFactory)
    time_zone = "Europe/London"
    languages = LazyFunction(lambda: ["en"])
    hours = calendar("hours")
    off = calendar("off")
    extra = calendar("extra")
    room_url = "https://meet.example.com/room"

    @factory.post_generation
    def programmes(
        self: Trainer, create: bool, pages: Iterable[ProgrammePage] | None
    ) -> None:
        self.programmes.set(pages or ())

    @factory.post_generation
    def weekly_hours(
        self: Trainer, create: bool, windows: list[tuple[int, int, int]] | None
    ) -> None:
        set_weekly_hours(self, WORKING_WEEK if windows is None else windows)


def after_all_calls() -> datetime:
    """The first full hour after all calls, not before 10:00 UTC in two days."""
    earliest = now().replace(hour=10, minute=0, second=0, microsecond=0)
    earliest += timedelta(days=2)
    last = Booking.objects.aggregate(last=Max("busy_until"))["last"]
    if last is None or last <= earliest:
        return earliest
    hour = last.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if hour == last else hour + timedelta(hours=1)


class BookingFactory(DjangoModelFactory[Booking]):
    """A booked call of 20 minutes in the days to come, on one topic.

    Calls made one after the other follow one another. The topic is the enrolment's
    first without a booked call; `topics=` takes pages instead ([] for none).
    """

    class Meta:
        model = Booking
        skip_postgeneration_save = True

    enrolment = SubFactory(EnrolmentFactory)
    trainee = SelfAttribute("enrolment.member.user")
    trainer = LazyAttribute(
        lambda booking: TrainerFactory(programmes=[booking.enrolment.programme])
    )
    starts_at = LazyFunction(after_all_calls)
    ends_at = LazyAttribute(lambda booking: booking.starts_at + timedelta(minutes=20))
    busy_until = LazyAttribute(lambda booking: booking.ends_at + booking.trainer.rest)
    state = BookingState.BOOKED
    created_by = SelfAttribute("trainee")

    @factory.lazy_attribute
    def proposed_until(self: Any) -> datetime | None:
        is_proposed = self.state == BookingState.PROPOSED
        return now() + timedelta(hours=48) if is_proposed else None

    @factory.lazy_attribute
    def missed_by(self: Any) -> str:
        return Origin.TRAINEE if self.state == BookingState.MISSED else ""

    @factory.post_generation
    def topics(self: Booking, create: bool, pages: Iterable[TopicPage] | None) -> None:
        if pages is None:
            taken = BookingTopic.objects.filter(booked_for=self.enrolment)
            free = self.enrolment.edition.topics.exclude(
                topic__in=taken.values("topic")
            )
            pages = [free[0].topic]  # an IndexError: every topic has its call
        for page in pages:
            BookingTopicFactory(booking=self, topic=page)


class BookingTopicFactory(DjangoModelFactory[BookingTopic]):
    """A topic of a call, not signed off."""

    class Meta:
        model = BookingTopic

    booking = SubFactory(BookingFactory, topics=[])
    topic = LazyAttribute(lambda row: first_topic(row.booking))
    title = SelfAttribute("topic.title")
    minutes = SelfAttribute("topic.call_minutes")

    @factory.lazy_attribute
    def booked_for(self: Any) -> Enrolment | None:
        is_booked = self.booking.state == BookingState.BOOKED
        return self.booking.enrolment if is_booked else None


class CallBoardFactory(DjangoModelFactory[CallBoard]):
    """A question for a call."""

    class Meta:
        model = CallBoard

    booking = SubFactory(BookingFactory)
    question = "Whom do I tell first?"


class BoardTopicFactory(DjangoModelFactory[BoardTopic]):
    """A topic of a call of which nothing is typed yet."""

    class Meta:
        model = BoardTopic

    topic = SubFactory(BookingTopicFactory)


class CallFeedbackFactory(DjangoModelFactory[CallFeedback]):
    """A good call, in which nothing was missing."""

    class Meta:
        model = CallFeedback

    booking = SubFactory(BookingFactory, state=BookingState.DONE)
    rating = 5


class DisputeFactory(DjangoModelFactory[Dispute]):
    """The trainee's word against a call they are said to have missed."""

    class Meta:
        model = Dispute

    booking = SubFactory(BookingFactory, state=BookingState.MISSED)
    by = SelfAttribute("booking.trainee")
    text = "I was there from the start."


class TimeRequestFactory(DjangoModelFactory[TimeRequest]):
    """Somebody who could come on Mondays, in the morning."""

    class Meta:
        model = TimeRequest

    enrolment = SubFactory(EnrolmentFactory)
    weekdays = LazyFunction(lambda: [0])
    parts = LazyFunction(lambda: ["morning"])
    time_zone = SelfAttribute("enrolment.member.user.time_zone")


class PresenceFactory(DjangoModelFactory[Presence]):
    """A trainee who is in the room of a call."""

    class Meta:
        model = Presence

    booking = SubFactory(BookingFactory)
    user = SelfAttribute("booking.trainee")
    tab = LazyFunction(uuid4)


class SignalFactory(DjangoModelFactory[Signal]):
    """What the trainer's tab tells the trainee's."""

    class Meta:
        model = Signal

    to = SubFactory(PresenceFactory)
    by = SubFactory(
        PresenceFactory,
        booking=SelfAttribute("..to.booking"),
        user=SelfAttribute("..to.booking.trainer.user"),
    )
    key = LazyFunction(uuid4)
    body = '{"candidate":null}'


class CallMessageFactory(DjangoModelFactory[CallMessage]):
    """A line of the trainee's to the trainer."""

    class Meta:
        model = CallMessage

    booking = SubFactory(BookingFactory)
    by = SelfAttribute("booking.trainee")
    to = SelfAttribute("booking.trainer.user")
    key = LazyFunction(uuid4)
    text = "Can you hear me?"


class QualitySampleFactory(DjangoModelFactory[QualitySample]):
    """A minute in which all was well."""

    class Meta:
        model = QualitySample

    presence = SubFactory(PresenceFactory)
    at = LazyFunction(lambda: now().replace(second=0, microsecond=0))
    loss_percent = 0.1
    round_trip_ms = 30
    bitrate_kbps = 1200


class WaitingFactory(DjangoModelFactory[Waiting]):
    """The trainee of a booked call who would come earlier."""

    class Meta:
        model = Waiting

    booking = SubFactory(BookingFactory)


class FeedFactory(DjangoModelFactory[Feed]):
    """A calendar feed whose secret is nobody's."""

    class Meta:
        model = Feed

    user = SubFactory(UserFactory)
    digest = Sequence(lambda n: f"{n:064x}")


class TeamFeedFactory(DjangoModelFactory[TeamFeed]):
    """A manager's calendar feed whose secret is nobody's."""

    class Meta:
        model = TeamFeed

    member = SubFactory(MemberFactory, is_manager=True)
    digest = Sequence(lambda n: f"{n:064x}")


class OutsideCalendarFactory(DjangoModelFactory[OutsideCalendar]):
    """A trainer's other calendar, read just now."""

    class Meta:
        model = OutsideCalendar

    trainer = SubFactory(TrainerFactory)
    name = "Private"
    url = Sequence(lambda n: f"https://calendar.example.com/{n}.ics")
    read_at = LazyFunction(now)


class OutsideBusyFactory(DjangoModelFactory[OutsideBusy]):
    """An hour there, in two days."""

    class Meta:
        model = OutsideBusy

    calendar = SubFactory(OutsideCalendarFactory)
    starts_at = LazyFunction(lambda: now() + timedelta(days=2))
    ends_at = LazyAttribute(lambda busy: busy.starts_at + timedelta(hours=1))
