"""The words of a cell, in the reader's zone."""

from __future__ import annotations

from typing import Any

from django import template

from lms import states
from lms.dashboards import matrix
from lms.dashboards.state import Cell
from lms.states import State

register = template.Library()


@register.simple_tag(takes_context=True)
def cell_words(context: dict[str, Any], cell: Cell) -> str:
    """`{% cell_words cell as words %}`: how far, or until when."""
    return matrix.cell_words(cell, context["zone"])


@register.simple_tag
def not_required() -> State:
    """`{% not_required as state %}`: of a cell that asks nothing."""
    return states.NOT_REQUIRED
