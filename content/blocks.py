"""The blocks that topic and handbook pages are made of: few and good."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.images.blocks import ImageBlock

RICH_TEXT = ["h3", "bold", "italic", "ol", "ul", "link", "document-link"]


class HoleBlock(blocks.TextBlock):
    """What ByteKast still has to fill in; trainees read a plain sentence instead."""

    class Meta:
        icon = "warning"
        label = _("To fill in")
        help_text = _(
            "A note to editors. Trainees read: "
            "“Your trainer goes through this in the call.”"
        )
        template = "content/blocks/hole.html"

    def get_searchable_content(self, value: object) -> list[str]:
        return []


class HeadingBlock(blocks.CharBlock):
    class Meta:
        icon = "title"
        label = _("Heading")
        template = "content/blocks/heading.html"


class TextBlock(blocks.RichTextBlock):
    class Meta:
        icon = "pilcrow"
        label = _("Text")
        template = "content/blocks/text.html"


class CalloutBlock(blocks.StructBlock):
    title = blocks.CharBlock(required=False, max_length=80)
    text = blocks.RichTextBlock(features=["bold", "italic", "link"])

    class Meta:
        icon = "info-circle"
        label = _("Callout")
        template = "content/blocks/callout.html"


class StepsBlock(blocks.ListBlock):
    class Meta:
        icon = "list-ol"
        label = _("Steps")
        template = "content/blocks/steps.html"


class QuoteBlock(blocks.StructBlock):
    text = blocks.TextBlock()
    source = blocks.CharBlock(required=False, max_length=120)

    class Meta:
        icon = "openquote"
        label = _("Quote")
        template = "content/blocks/quote.html"


BODY_BLOCKS = [
    ("heading", HeadingBlock()),
    ("text", TextBlock(features=RICH_TEXT)),
    ("image", ImageBlock(template="content/blocks/image.html")),
    ("callout", CalloutBlock()),
    ("steps", StepsBlock(blocks.CharBlock(label=_("Step")))),
    ("quote", QuoteBlock()),
    ("hole", HoleBlock()),
]

LINE_BLOCKS = [
    ("line", blocks.CharBlock(label=_("Line"), max_length=200)),
    ("hole", HoleBlock()),
]

CRITERION_BLOCKS = [("line", blocks.CharBlock(label=_("Criterion"), max_length=200))]


def holes_in(stream: blocks.StreamValue) -> list[str]:
    """The notes to editors that stand in a stream, in order."""
    return [str(block.value) for block in stream if block.block_type == "hole"]


def lines_in(stream: blocks.StreamValue) -> Iterator[str]:
    """The plain lines of a stream, without its holes."""
    return (str(block.value) for block in stream if block.block_type == "line")
