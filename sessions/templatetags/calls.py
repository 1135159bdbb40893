"""Booked calls on the pages of a lower room, which cannot ask for them itself."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

from courses.models import Enrolment, TopicPage
from sessions.models import Booking, BookingTopic

register = template.Library()


@register.simple_tag
def booked_call_for(enrolment: Enrolment | None, topic: TopicPage) -> Booking | None:
    """`{% booked_call_for enrolment topic as call %}`: its booked call; one query."""
    if enrolment is None or topic.pk is None:
        return None
    row = (
        BookingTopic.objects.filter(booked_for=enrolment, topic=topic.pk)
        .select_related("booking")
        .first()
    )
    return row.booking if row else None


@register.simple_tag
def call_for_topics(enrolment: Enrolment | None) -> dict[int, Booking]:
    """`{% call_for_topics enrolment as calls %}`: booked calls by topic; one query."""
    if enrolment is None:
        return {}
    rows = BookingTopic.objects.filter(booked_for=enrolment).select_related("booking")
    return {row.topic_id: row.booking for row in rows}


@register.filter
def for_topic(calls: Mapping[int, Booking], topic_pk: int) -> Booking | None:
    """`{{ calls|for_topic:topic.pk }}`: the one on this topic."""
    return calls.get(topic_pk)
