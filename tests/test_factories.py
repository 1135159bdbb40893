"""Each factory makes a valid row, by itself and twice."""

import pytest
from factory.django import DjangoModelFactory
from wagtail.models import Page, Site

from sessions.models import Booking, BookingState
from tests import factories
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    ResellerFactory,
    TopicPageFactory,
    UserFactory,
)

ALL = [
    each
    for each in vars(factories).values()
    if isinstance(each, type)
    and issubclass(each, DjangoModelFactory)
    and each not in {DjangoModelFactory, factories.PageFactory}
]


@pytest.mark.django_db
@pytest.mark.parametrize("made_by", ALL)
def test_factory_makes_valid_rows(made_by):
    for row in made_by.create_batch(2):
        row.refresh_from_db()
        row.validate_constraints()
        if isinstance(row, Page):
            row.full_clean()


@pytest.mark.django_db
def test_reseller_below_another():
    parent = ResellerFactory()
    first, second = ResellerFactory(parent=parent), ResellerFactory(parent=parent)

    assert list(parent.get_children()) == [first, second]


@pytest.mark.django_db
def test_edition_asks_for_the_topics_of_its_programme():
    topics = [TopicPageFactory()]
    topics += TopicPageFactory.create_batch(2, parent=topics[0].get_parent().specific)

    edition = EditionFactory(programme=topics[0].get_parent().specific)

    assert [row.topic for row in edition.topics.all()] == topics
    assert EditionFactory(topics=topics[:1]).topics.count() == 1
    assert EditionFactory(topics=[]).topics.count() == 0


@pytest.mark.django_db
def test_bookings_follow_one_another_on_topics_of_their_own():
    enrolment = EnrolmentFactory()

    calls = BookingFactory.create_batch(3, enrolment=enrolment)

    assert list(Booking.objects.all()) == calls
    assert len({topic.topic for call in calls for topic in call.topics.all()}) == 3


@pytest.mark.django_db
@pytest.mark.parametrize("state", BookingState.values)
def test_booking_in_every_state(state):
    BookingFactory(state=state).validate_constraints()


@pytest.mark.django_db
def test_user_has_no_password_unless_given():
    assert not UserFactory().has_usable_password()
    assert UserFactory(password="long enough a word").check_password(
        "long enough a word"
    )


@pytest.mark.django_db
def test_topic_page_is_below_the_site():
    topic = TopicPageFactory(title="Key Messaging", parent__title="Sales")

    assert topic.url_path == "/home/programmes/sales/key-messaging/"
    assert Site.objects.get().root_page.url_path == "/home/"
