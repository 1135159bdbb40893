"""Dates out of a claim, which is JSON, and serials as people read them."""

from datetime import date

from django import template

from certificates import serials

register = template.Library()


@register.filter
def as_date(text: str) -> date:
    """`{{ claim.issued_on|as_date|on_day }}`: the date that the claim holds."""
    return date.fromisoformat(text)


@register.filter
def as_serial(serial: str) -> str:
    """`{{ certificate.serial|as_serial }}`: with its dashes."""
    return serials.shown(serial)
