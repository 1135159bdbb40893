"""The booked call, on the pages of the rooms below."""

from __future__ import annotations

from django import template

from courses.models import Enrolment, TopicPage
from sessions.models import Booking, BookingTopic

register = template.Library()


@register.simple_tag
def call_for_topics(enrolment: Enrolment | None) -> dict[int, Booking]:
    """`{% call_for_topics enrolment as calls %}`: booked calls by topic; one query."""
    if enrolment is None:
        return {}
    booked = BookingTopic.objects.filter(booked_for=enrolment).select_related("booking")
    return {row.topic_id: row.booking for row in booked}


@register.filter
def for_topic(calls: dict[int, Booking], topic_pk: int) -> Booking | None:
    """`{{ calls|for_topic:topic.pk }}`: the call that has the topic, if one has."""
    return calls.get(topic_pk)


@register.simple_tag
def booked_call_for(enrolment: Enrolment | None, topic: TopicPage) -> Booking | None:
    """`{% booked_call_for enrolment page as call %}`: its booked call; one query."""
    if enrolment is None:
        return None
    return Booking.objects.filter(
        topics__booked_for=enrolment, topics__topic=topic.pk
    ).first()
