"""The words of a cell, in the reader's zone."""

from __future__ import annotations

from typing import Any

from django import template

from lms.dashboards import matrix
from lms.dashboards.state import Cell

register = template.Library()


@register.simple_tag(takes_context=True)
def cell_words(context: dict[str, Any], cell: Cell) -> str:
    """`{% cell_words cell as words %}`: how far, or until when."""
    return matrix.cell_words(cell, context["zone"])
