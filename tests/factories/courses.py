"""Editions, enrolments, and what was done in them."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import factory
from django.utils.timezone import now
from factory import LazyAttribute, LazyFunction, SelfAttribute, SubFactory
from factory.django import DjangoModelFactory

from courses.models import (
    Attempt,
    AttemptKind,
    Edition,
    EditionAudience,
    EditionTopic,
    Enrolment,
    EnrolmentDates,
    Evidence,
    EvidenceKind,
    MoreAttempts,
    Postponement,
    Preparation,
    ProgrammeRequest,
    ReadingPlace,
    Source,
    TopicCompletion,
    TopicPage,
    Transfer,
)
from lms.people.models import (
    Team,
)
from tests.factories.pages import ProgrammePageFactory, TopicPageFactory
from tests.factories.people import MemberFactory, UserFactory


class EditionFactory(DjangoModelFactory[Edition]):
    """An edition in force, on its programme's topic pages: four where it has none.

    `topics=` takes topic pages instead ([] for none); `audience=` takes teams.
    """

    class Meta:
        model = Edition
        skip_postgeneration_save = True

    programme = SubFactory(ProgrammePageFactory)
    number = LazyAttribute(lambda edition: edition.programme.editions.count() + 1)
    title = SelfAttribute("programme.title")
    section = SelfAttribute("programme.section")
    effective_on = date(2020, 1, 1)
    preparation = Preparation.ADVISED

    @factory.post_generation
    def topics(self: Edition, create: bool, pages: Iterable[TopicPage] | None) -> None:
        if pages is None:
            pages = list(self.programme.topics())
            pages = pages or TopicPageFactory.create_batch(4, parent=self.programme)
        for order, page in enumerate(pages, 1):
            EditionTopicFactory(edition=self, topic=page, order=order)

    @factory.post_generation
    def audience(self: Edition, create: bool, teams: Iterable[Team] | None) -> None:
        for team in teams or ():
            EditionAudience.objects.create(edition=self, team=team)


class EditionTopicFactory(DjangoModelFactory[EditionTopic]):
    """What an edition asks for in a topic: what the topic's page says."""

    class Meta:
        model = EditionTopic

    edition = SubFactory(EditionFactory, topics=[])
    topic = LazyAttribute(lambda row: TopicPageFactory(parent=row.edition.programme))
    order = LazyAttribute(lambda row: row.edition.topics.count() + 1)
    title = SelfAttribute("topic.title")
    needs_read = SelfAttribute("topic.needs_read")
    needs_check = LazyAttribute(lambda row: bool(row.topic.questions))
    needs_call = SelfAttribute("topic.needs_call")
    call_minutes = SelfAttribute("topic.call_minutes")


class EnrolmentFactory(DjangoModelFactory[Enrolment]):
    """An open enrolment of a new member; `completed=True` for a completed one.

    A completed one has neither evidence nor completions nor a certificate.
    """

    class Meta:
        model = Enrolment

    class Params:
        completed = factory.Trait(
            completed_at=LazyFunction(now),
            valid_from=LazyAttribute(lambda enrolment: enrolment.completed_at.date()),
        )

    member = SubFactory(MemberFactory)
    edition = SubFactory(EditionFactory)
    programme = SelfAttribute("edition.programme")
    source = Source.TEAM


class TransferFactory(DjangoModelFactory[Transfer]):
    """What somebody earned in one company, and is asked about for another."""

    class Meta:
        model = Transfer

    enrolment = SubFactory(EnrolmentFactory, completed=True)
    member = SubFactory(MemberFactory, user=SelfAttribute("..enrolment.member.user"))


class PostponementFactory(DjangoModelFactory[Postponement]):
    """A due date that moved by a week away."""

    class Meta:
        model = Postponement

    enrolment = SubFactory(EnrolmentFactory)
    away_from_on = date(2026, 1, 5)
    away_until_on = date(2026, 1, 11)
    due_was_on = date(2026, 1, 31)
    due_on = date(2026, 2, 7)


class EnrolmentDatesFactory(DjangoModelFactory[EnrolmentDates]):
    """There was no due date until now."""

    class Meta:
        model = EnrolmentDates

    enrolment = SubFactory(EnrolmentFactory)


def first_topic(row: Any) -> TopicPage:
    return row.enrolment.edition.topics.first().topic


class EvidenceFactory(DjangoModelFactory[Evidence]):
    """The first topic, read; nothing is completed by it."""

    class Meta:
        model = Evidence

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)
    kind = EvidenceKind.READ
    by = SelfAttribute("enrolment.member.user")


class TopicCompletionFactory(DjangoModelFactory[TopicCompletion]):
    """The first topic, complete, without the evidence for it."""

    class Meta:
        model = TopicCompletion

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)


class AttemptFactory(DjangoModelFactory[Attempt]):
    """A check of the first topic, started and without questions."""

    class Meta:
        model = Attempt

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)
    kind = AttemptKind.CHECK
    questions = LazyFunction(list)
    key = LazyFunction(list)


class MoreAttemptsFactory(DjangoModelFactory[MoreAttempts]):
    """One more attempt at the first topic's check, given by another person."""

    class Meta:
        model = MoreAttempts

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)
    by = SubFactory(UserFactory)


class ProgrammeRequestFactory(DjangoModelFactory[ProgrammeRequest]):
    """A member asks for a programme, and has no answer yet."""

    class Meta:
        model = ProgrammeRequest

    member = SubFactory(MemberFactory)
    programme = SubFactory(ProgrammePageFactory)


class ReadingPlaceFactory(DjangoModelFactory[ReadingPlace]):
    """Somebody stopped at a block of a topic."""

    class Meta:
        model = ReadingPlace

    user = SubFactory(UserFactory)
    topic = SubFactory(TopicPageFactory)
    block = "7a1f0c5e-0000-4000-8000-000000000000"
