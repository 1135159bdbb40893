"""Every mail of the house can be written, whatever it is about.

What a mail needs is made up as it asks for it; what it says in truth stands in the
tests of whoever sends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from lms.mail.kinds import kind_of
from lms.mail.outbox import words_of
from lms.people.models import User
from tests.mail.test_kinds import TEMPLATES, WRITTEN

NUMBERS = re.compile(
    r"(count|counter|number|days|more|length|trainers|unanswered|run_out|_id|pk)$"
)


class Anything(datetime):
    """An instant, a text, a list of one, and all it is asked for."""

    is_true = True
    number = 1

    @classmethod
    def make(cls, *, is_true: bool, number: int) -> Anything:
        kind = type("Something", (cls,), {"is_true": is_true, "number": number})
        made: Anything = kind(2026, 12, 1, 14, tzinfo=UTC)
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: Any) -> Any:
        if str(name).endswith(("url", "link")):
            return "https://qualifications.example.com/x/"
        if name == "offer":
            return UUID(int=0)
        if NUMBERS.search(str(name)):
            return self.number
        return Anything.make(is_true=self.is_true, number=self.number)

    def __iter__(self) -> Iterator[Any]:
        return iter([self["row"]] * self.number)

    def __len__(self) -> int:
        return self.number

    def __bool__(self) -> bool:
        return self.is_true

    def __str__(self) -> str:
        return "<O'Brien & Söhne>"


OURS = {"person", "zone", "public_url", "kind", "off_url", "forloop"}
TAG = re.compile(r"{[{%](.*?)[%}]}")


def names_in(template: str) -> set[str]:
    """What a template, or one that it includes, may ask for; and more."""
    source = (TEMPLATES / template).read_text()
    names = {
        name for tag in TAG.findall(source) for name in re.findall(r"[a-z_]+", tag)
    }
    for other in re.findall(r'include "([^"]+)"', source):
        names |= names_in(other)
    return names - OURS


@pytest.mark.parametrize("is_true", [True, False])
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("template", WRITTEN)
def test_mail_is_written_whatever_it_is_about(
    template: str, number: int, is_true: bool
) -> None:
    person = User(pk=7, full_name="Zoë <O'Neill> & Co", time_zone="Asia/Tokyo")
    anything = Anything.make(is_true=is_true, number=number)
    context = {name: anything[name] for name in names_in(template)}

    words = words_of(template, context, person)

    whole = f"{words.subject}\n{words.body}"
    assert words.subject.strip()
    assert len(words.body.strip()) > len(words.subject.strip())
    assert re.findall(r"{{|{%|%}|}}|&[#a-z0-9]+;|None(?! of)", whole) == []
    assert "http" in words.body


@pytest.mark.parametrize("template", WRITTEN)
def test_mail_says_at_its_foot_why_somebody_gets_it(template: str) -> None:
    kind = kind_of(template)
    anything = Anything.make(is_true=True, number=1)
    context = {name: anything[name] for name in names_in(template)}

    words = words_of(template, context, User(pk=7, full_name="Zoë"))

    foot = words.body.partition("\n--\n")[2]
    assert f"You get this because {kind.why}." in " ".join(foot.split())
    assert ("No more of these: http" in foot) == kind.may_be_off
