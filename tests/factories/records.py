"""What is told and kept of people: mail, the log, erasures."""

from datetime import timedelta

from django.utils.timezone import now
from factory import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from lms.audit.models import Event, EventValues
from lms.mail.models import Message, NoticeOff, Nudge
from lms.privacy.models import Erasure
from tests.factories.people import MemberFactory, UserFactory


class MessageFactory(DjangoModelFactory[Message]):
    """A message that waits to be sent."""

    class Meta:
        model = Message

    key = Sequence(lambda n: f"message-{n}")
    recipient = SubFactory(UserFactory)
    to = SelfAttribute("recipient.email")
    subject = "Hello"
    body = "Hello."


class NoticeOffFactory(DjangoModelFactory[NoticeOff]):
    """Somebody wants no reminders."""

    class Meta:
        model = NoticeOff

    person = SubFactory(UserFactory)
    kind = "reminder"


class NudgeFactory(DjangoModelFactory[Nudge]):
    """Somebody was reminded just now, by the house."""

    class Meta:
        model = Nudge

    member = SubFactory(MemberFactory)
    person = SelfAttribute("member.user")
    kind = "reminder"
    about = LazyAttribute(lambda nudge: [nudge.member.pk])
    at = LazyFunction(now)
    until_at = LazyAttribute(lambda nudge: nudge.at + timedelta(days=3))


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    actor = SubFactory(UserFactory)
    verb = "renamed"
    target_type = "people.User"
    target_id = "1"


class EventValuesFactory(DjangoModelFactory[EventValues]):
    class Meta:
        model = EventValues

    event = SubFactory(EventFactory)
    field = "full_name"
    before = "Ana"
    after = "Anna"


class ErasureFactory(DjangoModelFactory[Erasure]):
    """Somebody's wish to be erased, which nobody has answered."""

    class Meta:
        model = Erasure

    person = SubFactory(UserFactory)
