"""A stream that did not reach us whole: said beside it, where Wagtail answers a 500.

The editor's scripts send along how many blocks there are, of what kind and in which
order, and text as a structure of its own. Wagtail takes all of it for granted.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import register_form_field_override
from wagtail.blocks import StreamValue
from wagtail.blocks.base import BlockField, BlockWidget
from wagtail.fields import StreamField

# What reading it raises, by what is missing or is not what it should be.
NOT_WHOLE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


class TornStream(StreamValue):
    """In the place of a stream that could not be read."""


class WholeStreamWidget(BlockWidget):
    def value_from_datadict(self, data: Any, files: Any, name: str) -> StreamValue:
        try:
            return super().value_from_datadict(data, files, name)
        except NOT_WHOLE:
            return TornStream(self.block_def, [])


class WholeStreamField(BlockField):
    """Refuses a stream that could not be read: nothing of it is saved."""

    def __init__(self, block: Any = None, **kwargs: Any) -> None:
        kwargs.setdefault("widget", WholeStreamWidget(block))
        super().__init__(block, **kwargs)

    def clean(self, value: StreamValue) -> StreamValue:
        if isinstance(value, TornStream):
            raise ValidationError(
                _("This part did not reach us whole. Please reload the page.")
            )
        return super().clean(value)


def register() -> None:
    """Let every form of the CMS use it."""
    override = {"form_class": WholeStreamField}
    register_form_field_override(StreamField, override=override)
