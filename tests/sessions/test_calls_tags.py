import pytest
from django.template import Context, Template

from tests.factories import BookingFactory, EnrolmentFactory


def render(text, **context):
    return Template("{% load calls %}" + text).render(Context(context))


def test_call_for_topics_gives_the_booked_call_of_each(db, django_assert_num_queries):
    enrolment = EnrolmentFactory()
    first, second, *_others = (row.topic for row in enrolment.edition.topics.all())
    booking = BookingFactory(enrolment=enrolment, topics=[first])
    BookingFactory(enrolment=enrolment, topics=[second], state="cancelled")

    with django_assert_num_queries(1):
        words = render(
            "{% call_for_topics enrolment as calls %}"
            "{{ calls|for_topic:one }} / {{ calls|for_topic:other }}",
            enrolment=enrolment,
            one=first.pk,
            other=second.pk,
        )

    assert words == f"Call {booking.ref} / None"


@pytest.mark.parametrize("state", ["booked", "cancelled"])
def test_booked_call_for_a_topic_is_the_booked_one(db, state):
    booking = BookingFactory(state=state)
    BookingFactory()  # a stranger's

    words = render(
        "{% booked_call_for enrolment page as call %}{{ call.ref }}",
        enrolment=booking.enrolment,
        page=booking.topics.get().topic,
    )

    assert words == (booking.ref if state == "booked" else "")


def test_without_an_enrolment_there_is_no_call(db):
    words = render(
        "{% call_for_topics None as calls %}{% booked_call_for None 1 as call %}"
        "{{ calls|length }} {{ call }}"
    )

    assert words == "0 None"
