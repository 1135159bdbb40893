"""The forms of a page, read as a browser reads them: names, values, where they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from wagtail import blocks
from wagtail.contrib.typed_table_block.blocks import TypedTableBlock

Pairs = list[tuple[str, str]]
Attributes = list[tuple[str, str | None]]

NOT_SENT = {"button", "file", "image", "reset", "submit"}
TYPED = {"date", "email", "number", "search", "text", "textarea", "time", "url"}


@dataclass
class PageForm:
    """A form: what it sends as it stands, what of it by itself, where one types."""

    action: str
    method: str
    sent: Pairs = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    hidden: Pairs = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        return {name for name, _value in self.sent} | self.choices.keys()

    def goes_to(self, url: str, page: str) -> bool:
        """Whether it is sent to `url`, when it stands on the page at `page`."""
        return urlsplit(self.action or page).path == urlsplit(url).path


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.by_id: dict[str, PageForm] = {}
        self.later: list[tuple[str, str, dict[str, str]]] = []
        self.form: PageForm | None = None
        self.select: tuple[PageForm | None, str, bool] | None = None
        self.has_chosen = False
        self.area: tuple[PageForm | None, str] | None = None
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        has = {name: value or "" for name, value in attrs}
        name = has.get("name", "")
        if tag == "form":
            self.form = PageForm(has.get("action", ""), has.get("method", "get"))
            self.forms.append(self.form)
            self.by_id[has.get("id", "")] = self.form
        elif tag in ("input", "button") and name:
            self._control(tag, name, has)
        elif tag == "select":
            self.select = (self._owner(has), name, "multiple" in has)
            self.has_chosen = False
        elif tag == "option" and self.select:
            self._option(has)
        elif tag == "textarea":
            self.area, self.text = (self._owner(has), name), ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select" and self.select:
            form, name, is_multiple = self.select
            if form and name and not self.has_chosen and not is_multiple:
                form.sent += [(name, each) for each in form.choices.get(name, [])[:1]]
            self.select = None
        elif tag == "textarea" and self.area:
            form, name = self.area
            if form and name:
                text = self.text.removeprefix("\n")
                form.sent.append((name, text))
                form.typed[name] = text
            self.area = None

    def handle_data(self, data: str) -> None:
        if self.area:
            self.text += data

    def _owner(self, has: dict[str, str]) -> PageForm | None:
        return self.by_id.get(has["form"]) if "form" in has else self.form

    def _control(self, tag: str, name: str, has: dict[str, str]) -> None:
        form = self._owner(has)
        if form is None:
            return
        kind = has.get("type", "text" if tag == "input" else "submit")
        if kind in ("checkbox", "radio", "submit"):
            form.choices.setdefault(name, []).append(has.get("value", "on"))
        if kind not in NOT_SENT and (
            kind not in ("checkbox", "radio") or "checked" in has
        ):
            form.sent.append((name, has.get("value", "")))
        if kind == "hidden" and name != "csrfmiddlewaretoken":
            form.hidden.append((name, has.get("value", "")))
        if kind in TYPED:
            form.typed[name] = has.get("value", "")

    def _option(self, has: dict[str, str]) -> None:
        assert self.select
        form, name, _is_multiple = self.select
        if form is None or not name:
            return
        form.choices.setdefault(name, []).append(has.get("value", ""))
        if "selected" in has:
            self.has_chosen = True
            form.sent.append((name, has.get("value", "")))


def forms_in(html: str) -> list[PageForm]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def sent_by_editor(block: blocks.Block, value: Any, prefix: str) -> Pairs:
    """What Wagtail's editor, which scripts build, sends for a block's value."""
    if isinstance(block, blocks.BaseStreamBlock):
        sent = [(f"{prefix}-count", str(len(value)))]
        for place, child in enumerate(value):
            here = f"{prefix}-{place}"
            sent += _in_list(here, place, child.id or "")
            sent.append((f"{here}-type", child.block_type))
            sent += sent_by_editor(child.block, child.value, f"{here}-value")
        return sent
    if isinstance(block, blocks.ListBlock):
        sent = [(f"{prefix}-count", str(len(value)))]
        for place, child in enumerate(value.bound_blocks):
            here = f"{prefix}-{place}"
            sent += _in_list(here, place, child.id or "")
            sent += sent_by_editor(child.block, child.value, f"{here}-value")
        return sent
    if isinstance(block, blocks.BaseStructBlock):
        return [
            pair
            for name, child in block.child_blocks.items()
            for pair in sent_by_editor(child, value.get(name), f"{prefix}-{name}")
        ]
    if isinstance(block, TypedTableBlock):
        return _sent_by_table(value, prefix)
    shown = block.field.widget.format_value(block.value_for_form(value))
    if value is False:
        return []
    texts = shown if isinstance(shown, list) else [shown]
    return [(prefix, "on" if value is True else str(each or "")) for each in texts]


def _in_list(prefix: str, place: int, key: str) -> Pairs:
    return [
        (f"{prefix}-deleted", ""),
        (f"{prefix}-order", str(place)),
        (f"{prefix}-id", key),
    ]


def _sent_by_table(value: Any, prefix: str) -> Pairs:
    columns, rows = value.columns, list(value.row_data)
    sent = [
        (f"{prefix}-caption", value.caption),
        (f"{prefix}-column-count", str(len(columns))),
        (f"{prefix}-row-count", str(len(rows))),
    ]
    for place, column in enumerate(columns):
        here = f"{prefix}-column-{place}"
        sent += [(f"{here}-type", column["block"].name), (f"{here}-deleted", "")]
        sent += [(f"{here}-order", str(place)), (f"{here}-heading", column["heading"])]
    for place, row in enumerate(rows):
        sent += [(f"{prefix}-row-{place}-order", str(place))]
        sent += [(f"{prefix}-row-{place}-deleted", "")]
        for at, cell in enumerate(row["values"]):
            here = f"{prefix}-cell-{place}-{at}"
            sent += sent_by_editor(columns[at]["block"], cell, here)
    return sent
