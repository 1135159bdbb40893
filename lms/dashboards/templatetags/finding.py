"""What a page has in common with others, on any page of ours."""

from __future__ import annotations

from django import template
from django.template import Context
from wagtail.models import Page

from lms.dashboards import finding

register = template.Library()


@register.simple_tag(takes_context=True)
def related(context: Context, page: Page) -> finding.Related:
    """`{% related page as others %}`: its tags, and pages that share them."""
    return finding.related_to(page, context.get("request"))
