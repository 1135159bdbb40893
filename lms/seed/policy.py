"""The policy file, read: what `policy.toml` says, as plain objects."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("policy.toml")

Block = tuple[str, Any]
"""A block of a StreamField: its type and its value."""


@dataclass(frozen=True)
class Section:
    """A heading, the policy's words, ours, and what only ByteKast can say."""

    heading: str = ""
    quote: str = ""
    source: str = ""
    text: str = ""
    hole: str = ""

    def blocks(self) -> Iterator[Block]:
        if self.heading:
            yield "heading", self.heading
        if self.quote and self.source:
            yield "quote", {"text": self.quote.strip(), "source": self.source}
        elif self.quote:
            yield "text", rich_text(self.quote)
        if self.text:
            yield "text", rich_text(self.text)
        if self.hole:
            yield "hole", self.hole


@dataclass(frozen=True)
class Home:
    title: str
    introduction: str


@dataclass(frozen=True)
class Team:
    slug: str
    name: str


@dataclass(frozen=True)
class HandbookPart:
    slug: str
    title: str
    sections: Sequence[Section]
    part: int | None = None
    acknowledged: bool = False
    tags: Sequence[str] = ()

    def body(self) -> list[Block]:
        return [block for section in self.sections for block in section.blocks()]


@dataclass(frozen=True)
class Topic:
    slug: str
    title: str
    introduction: str
    call_minutes: int
    outcomes: list[Block]
    call: list[Block]
    criteria: list[Block]
    prepare: list[Block]
    sections: Sequence[Section]
    tags: Sequence[str] = ()

    def body(self) -> list[Block]:
        introduction = ("text", rich_text(self.introduction))
        sections = [block for section in self.sections for block in section.blocks()]
        return [introduction, *sections]


@dataclass(frozen=True)
class Programme:
    section: str
    slug: str
    title: str
    summary: str
    quote_audience: str
    quote_topics: str
    audience: Sequence[str]
    topics: Sequence[Topic]
    need_at_least: int | None = None
    need_note: str = ""

    @property
    def quote(self) -> str:
        """The policy's two sentences on it."""
        return f"{self.quote_audience} {self.quote_topics}"


@dataclass(frozen=True)
class Policy:
    title: str
    product: str
    prepared_by: str
    last_edited_on: date
    last_edited: str
    home: Home
    teams: Sequence[Team]
    handbook: Sequence[HandbookPart]
    programmes: Sequence[Programme]

    def teams_without_programme(self) -> list[Team]:
        """Teams that the policy names but asks nothing of (Policy 1)."""
        asked = {slug for programme in self.programmes for slug in programme.audience}
        return [team for team in self.teams if team.slug not in asked]


def read_policy() -> Policy:
    """Read the policy file. A key that nobody knows is a mistake, and loud."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Policy(
        **data["meta"],
        home=Home(**data["home"]),
        teams=[Team(**team) for team in data["team"]],
        handbook=[_handbook_part(part) for part in data["handbook"]],
        programmes=[_programme(programme) for programme in data["programme"]],
    )


def rich_text(text: str) -> str:
    """Turn the file's few marks (paragraphs, lists, bold, italic) into rich text."""
    return "".join(_element(part) for part in re.split(r"\n\s*\n", text.strip()))


def _element(part: str) -> str:
    lines = part.splitlines()
    for tag, mark in (("ul", r"- "), ("ol", r"\d+\. ")):
        if all(re.match(mark, line) for line in lines):
            items = (re.sub(mark, "", line, count=1) for line in lines)
            return f"<{tag}>{''.join(f'<li>{_inline(i)}</li>' for i in items)}</{tag}>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _inline(text: str) -> str:
    safe = html.escape(text, quote=False)
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", bold)


def _handbook_part(data: dict[str, Any]) -> HandbookPart:
    return HandbookPart(sections=_sections(data.pop("section")), **data)


def _programme(data: dict[str, Any]) -> Programme:
    topics = [_topic(topic) for topic in data.pop("topic")]
    return Programme(topics=topics, **data)


def _topic(data: dict[str, Any]) -> Topic:
    for name in ("outcomes", "call", "criteria", "prepare"):
        data[name] = [_line(line) for line in data[name]]
    return Topic(sections=_sections(data.pop("section")), **data)


def _sections(data: Sequence[dict[str, Any]]) -> list[Section]:
    return [Section(**section) for section in data]


def _line(line: str | dict[str, str]) -> Block:
    return ("line", line) if isinstance(line, str) else ("hole", line["hole"])
