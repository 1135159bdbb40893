"""The parts of every page's frame that are the same for everybody."""

from __future__ import annotations

from functools import cache

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def same_for_all(name: str) -> SafeString:
    """`{% same_for_all "components/_brand.html" %}`: made once in this process."""
    return render_to_string(name) if settings.DEBUG else _made(name)


@cache
def _made(name: str) -> SafeString:
    return render_to_string(name)
