"""Dates out of a claim, which is JSON."""

from datetime import date

from django import template

register = template.Library()


@register.filter
def as_date(text: str) -> date:
    """`{{ claim.issued_on|as_date|on_day }}`: the date that the claim holds."""
    return date.fromisoformat(text)
