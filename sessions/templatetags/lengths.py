"""Lengths and bars on the pages of load."""

from __future__ import annotations

from django import template

from sessions.load import hours

register = template.Library()


@register.filter
def as_hours(minutes: int) -> str:
    """`{{ week.taken|as_hours }}`: 7 h 30 min."""
    return hours(minutes)


@register.simple_tag
def share(minutes: int, widest: int) -> str:
    """`{% share week.taken widest %}`: how wide a bar is, of a hundred."""
    return f"{min(100, 100 * minutes / widest):.1f}"
