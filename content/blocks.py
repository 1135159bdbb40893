"""The blocks that topic and handbook pages are made of: few and good.

A body is rendered once for all readers: no template here gets a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.struct_block import StructBlockValidationError
from wagtail.contrib.typed_table_block.blocks import (
    TypedTable,
    TypedTableBlock,
    TypedTableBlockValidationError,
)
from wagtail.documents.blocks import DocumentChooserBlock
from wagtail.documents.models import Document
from wagtail.images.blocks import ImageBlock, ImageChooserBlock
from wagtail.rich_text import RichText

from content.files import CAPTIONS, VIDEO, kind_of
from content.videos import player_of

RICH_TEXT = ["h3", "bold", "italic", "ol", "ul", "link", "document-link"]
SHORT_RICH_TEXT = ["bold", "italic", "link"]
WORDS, MEDIA, LISTS = _("Words"), _("Pictures, films, files"), _("Lists and tables")


class WordsBlock(blocks.RichTextBlock):
    """Rich text; a half of a letter, which no page could be sent with, is replaced."""

    def clean(self, value: RichText) -> RichText:
        source = super().clean(value).source
        whole = source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return RichText(whole)


class HoleBlock(blocks.TextBlock):
    """What ByteKast still has to fill in; trainees read a plain sentence instead."""

    class Meta:
        icon = "warning"
        group = WORDS
        label = _("To fill in")
        description = _("What only you can write, until it is written.")
        help_text = _(
            "A note to editors. Trainees read: "
            "“Your trainer goes through this in the call.”"
        )
        template = "content/blocks/hole.html"
        preview_value = _("Fill in: who may open the archive.")

    def get_searchable_content(self, value: object) -> list[str]:
        return []


class HeadingBlock(blocks.CharBlock):
    """A heading below the page's title."""

    class Meta:
        icon = "title"
        group = WORDS
        label = _("Heading")
        description = _("Begins a part of the page.")
        template = "content/blocks/heading.html"
        preview_value = _("Before the first call")


class TextBlock(WordsBlock):
    """What people read: paragraphs, lists, links."""

    class Meta:
        icon = "pilcrow"
        group = WORDS
        label = _("Text")
        description = _("Paragraphs, small headings, lists, links.")
        template = "content/blocks/text.html"
        preview_value = (
            "<p>Say <b>what happened</b> before you say why. "
            "Then ask one question, and wait.</p>"
        )


class PictureBlock(ImageBlock):
    """An image with its text for those who do not see it."""

    class Meta:
        icon = "image"
        group = MEDIA
        label = _("Image")
        description = _(
            "A picture that shows something. Say in its alt text what it shows; "
            "if it says nothing new, mark it as decorative."
        )
        template = "content/blocks/image.html"
        preview_template = "content/blocks/previews/image.html"


class VideoBlock(blocks.StructBlock):
    """A film: ours, with captions, or one at YouTube or Vimeo."""

    title = blocks.CharBlock(
        max_length=120, help_text=_("What the film shows, in a few words.")
    )
    file = DocumentChooserBlock(
        required=False,
        label=_("Uploaded film"),
        help_text=_("An MP4 of at most 500 MB. Or give an address below."),
    )
    captions = DocumentChooserBlock(
        required=False,
        help_text=_("A WebVTT file (.vtt). An uploaded film needs one."),
    )
    address = blocks.CharBlock(
        required=False,
        max_length=500,
        search_index=False,
        help_text=_(
            "Of a film at YouTube or Vimeo that has captions there. "
            "Nothing is loaded from them until somebody presses play."
        ),
    )
    poster = ImageChooserBlock(
        required=False, help_text=_("The still picture before it plays.")
    )
    transcript = WordsBlock(
        required=False,
        features=["bold", "italic", "ol", "ul", "link"],
        help_text=_("What is said and shown, for those who would rather read."),
    )

    class Meta:
        icon = "media"
        group = MEDIA
        label = _("Video")
        description = _("A film with captions: uploaded, or at YouTube or Vimeo.")
        template = "content/blocks/video.html"
        preview_value = {
            "title": _("A handover in two minutes"),
            "address": "https://vimeo.com/76979871",
        }

    def clean(self, value: Any) -> Any:
        wrong = {field: ValidationError(text) for field, text in self._wrongs(value)}
        try:
            value = super().clean(value)
        except StructBlockValidationError as refused:
            raise StructBlockValidationError(wrong | refused.block_errors) from None
        if wrong:
            raise StructBlockValidationError(wrong)
        return value

    def _wrongs(self, value: Any) -> Iterator[tuple[str, str]]:
        """What is wrong, each at its field; a draft may lack something still."""
        film, captions = value.get("file"), value.get("captions")
        address = value.get("address") or ""
        if film and kind_of(film.filename) != VIDEO:
            yield "file", gettext("This is not an MP4 film.")
        if captions and kind_of(captions.filename) != CAPTIONS:
            yield "captions", gettext("This is not a WebVTT file (.vtt).")
        if film and address:
            yield "address", gettext("Choose one: an uploaded film, or an address.")
        elif address and captions:
            yield (
                "captions",
                gettext("Captions go with an uploaded film: this one has its own."),
            )
        if address and not player_of(address):
            yield (
                "address",
                gettext(
                    "We show films from YouTube and Vimeo only. Give the address of "
                    "the film itself, such as https://vimeo.com/76979871."
                ),
            )
        if self.is_deferred_validation:
            return
        if not film and not address:
            yield "file", gettext("Choose a film, or give an address below.")
        if film and not captions:
            yield (
                "captions",
                gettext("Choose the captions, for those who cannot hear the film."),
            )

    def get_context(self, value: Any, parent_context: Any = None) -> Any:
        context = super().get_context(value, parent_context=parent_context)
        return context | {"player": player_of(value.get("address") or "")}


class CalloutBlock(blocks.StructBlock):
    """A few words that stand out."""

    tone = blocks.ChoiceBlock(
        choices=[
            ("info", _("Good to know")),
            ("good", _("Do it like this")),
            ("warn", _("Take care")),
        ],
        default="info",
        search_index=False,
        help_text=_("Decides the colour and the icon."),
    )
    title = blocks.CharBlock(required=False, max_length=80)
    text = WordsBlock(features=SHORT_RICH_TEXT)

    class Meta:
        icon = "info-circle"
        group = WORDS
        label = _("Callout")
        description = _("Two or three sentences that must not be missed.")
        template = "content/blocks/callout.html"
        preview_value = {
            "tone": "warn",
            "title": _("Before you share your screen"),
            "text": "<p>Close what others must not see.</p>",
        }

    def get_context(self, value: Any, parent_context: Any = None) -> Any:
        context = super().get_context(value, parent_context=parent_context)
        icons = {"info": "info", "good": "check-circle", "warn": "alert"}
        return context | {"icon": icons[value.get("tone", "info")]}


class StepsBlock(blocks.ListBlock):
    """What is done one after the other."""

    class Meta:
        icon = "list-ol"
        group = LISTS
        label = _("Steps")
        description = _("What is done one after the other, numbered.")
        template = "content/blocks/steps.html"
        preview_value = [
            "<p>Read the ticket to the end.</p>",
            "<p>Say back <b>what you understood</b>.</p>",
            "<p>Agree on the next step, and when.</p>",
        ]


class RowsBlock(TypedTableBlock):
    """The rows of a table; a caption and a word on every column are required."""

    text = blocks.TextBlock(required=False, label=_("Text"))
    rich_text = WordsBlock(
        required=False, features=SHORT_RICH_TEXT, label=_("Text with links")
    )
    number = blocks.CharBlock(
        required=False, max_length=40, label=_("Number, to the right")
    )

    def clean(self, table: TypedTable) -> TypedTable:
        table = super().clean(table)
        table.caption = table.caption.replace("\0", "")
        for column in table.columns:
            column["heading"] = column["heading"].replace("\0", "")
        if self.is_deferred_validation:
            return table
        wrong = []
        if not table.caption.strip():
            wrong.append(_("Give the table a caption: what it is about."))
        if not table.columns or not table.row_data:
            wrong.append(_("A table needs a column and a row at least."))
        if not all(column["heading"].strip() for column in table.columns):
            wrong.append(_("Give every column a heading."))
        if wrong:
            raise TypedTableBlockValidationError(non_block_errors=wrong)
        return table


class TableBlock(blocks.StructBlock):
    """A table that can be read aloud: a caption, headings, names of rows."""

    rows = RowsBlock(label=_("Table"))
    has_row_names = blocks.BooleanBlock(
        required=False,
        default=True,
        label=_("The first column names the rows"),
        help_text=_("It is read aloud with every cell of its row."),
    )

    class Meta:
        icon = "table"
        group = LISTS
        label = _("Table")
        description = _("Facts to compare. Few columns: people read it on phones.")
        template = "content/blocks/table.html"
        preview_value = {
            "rows": {
                "caption": "How soon we answer",
                "columns": [
                    {"type": "text", "heading": "What happened"},
                    {"type": "number", "heading": "Answer within"},
                ],
                "rows": [
                    {"values": ["Nobody can work", "1 hour"]},
                    {"values": ["One person is held up", "8 hours"]},
                ],
            },
            "has_row_names": True,
        }


class DownloadBlock(blocks.StructBlock):
    """A document to take along."""

    document = DocumentChooserBlock()
    title = blocks.CharBlock(
        required=False,
        max_length=120,
        help_text=_("Empty: the document's own title."),
    )

    class Meta:
        icon = "download"
        group = MEDIA
        label = _("Download")
        description = _("A document to take along, with its kind and size.")
        template = "content/blocks/download.html"

    def get_context(self, value: Any, parent_context: Any = None) -> Any:
        context = super().get_context(value, parent_context=parent_context)
        document = value.get("document")
        return context | {
            "kind": document and kind_of(document.filename),
            "size": document and document.get_file_size(),
        }

    def get_preview_value(self) -> Any:
        checklist = Document(
            pk=0, title="Checklist for a handover", file="handover.pdf", file_size=84000
        )
        return self.normalize({"document": checklist, "title": ""})


class QuoteBlock(blocks.StructBlock):
    """Somebody's own words."""

    text = blocks.TextBlock()
    source = blocks.CharBlock(
        required=False, max_length=120, help_text=_("Who said it, or where it stands.")
    )

    class Meta:
        icon = "openquote"
        group = WORDS
        label = _("Quote")
        description = _("Somebody's own words, such as the policy's.")
        template = "content/blocks/quote.html"
        preview_value = {
            "text": _("Topics are covered in one-to-one video calls."),
            "source": _("Policy 1"),
        }


class AccordionItemBlock(blocks.StructBlock):
    """A line, and what opens under it."""

    title = blocks.CharBlock(max_length=150, help_text=_("What is always seen."))
    text = WordsBlock(
        features=["bold", "italic", "ol", "ul", "link", "document-link"],
        help_text=_("What opens under it."),
    )


class AccordionBlock(blocks.ListBlock):
    """Questions with answers, opened one by one."""

    class Meta:
        icon = "collapse-down"
        group = LISTS
        label = _("Accordion")
        description = _(
            "Lines that open, such as questions with answers. "
            "Not for what everybody has to read."
        )
        template = "content/blocks/accordion.html"
        preview_value = [
            {
                "title": "What if nobody answers?",
                "text": "<p>Write once more, then ask your lead.</p>",
            },
            {"title": "What if it is urgent?", "text": "<p>Call.</p>"},
        ]


BODY_BLOCKS: list[tuple[str, blocks.Block]] = [
    ("heading", HeadingBlock(max_length=200)),
    ("text", TextBlock(features=RICH_TEXT)),
    ("callout", CalloutBlock()),
    ("quote", QuoteBlock()),
    ("hole", HoleBlock()),
    ("image", PictureBlock()),
    ("video", VideoBlock()),
    ("download", DownloadBlock()),
    (
        "steps",
        StepsBlock(WordsBlock(label=_("Step"), features=SHORT_RICH_TEXT)),
    ),
    ("table", TableBlock()),
    ("accordion", AccordionBlock(AccordionItemBlock(label=_("Line")))),
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
