"""A topic page of 30 blocks, signed in: as we serve it, and the plain Wagtail way.

Ten of its blocks are texts with links to pages. Both ways show the same page to the
same reader, through all the middleware, in this process and by turns. The plain way
keeps nothing of ours from one request to the next: it finds the page as Wagtail does,
from the site down the tree, asking who may see it, and makes its text from the blocks.
A second is one of the processor's: what else the machine does counts for neither.
"""

import json
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from django.db import connection
from django.http import HttpRequest
from django.test import Client
from wagtail.models import Page

from content.models import HomePage
from content.walls import MembersPage
from courses.models import Enrolment, TopicPage
from tests.benchmarks.figures import Figure
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TopicPageFactory,
)

T = TypeVar("T")

TURNS = 6
ROUNDS = 20
MOST_QUERIES = 10
LEAST_RATIO = 5

SENTENCE = "Answer in plain words, and tell the customer what happens next. "


def thirty_blocks(links: list[int]) -> list[dict[str, Any]]:
    """Ten times a heading, a text with a link to a page, and a callout or steps."""
    blocks: list[dict[str, Any]] = []
    for number in range(10):
        link = f'<a linktype="page" id="{links[number % len(links)]}">Read on</a>'
        text = f"<p>{SENTENCE * 4}</p><p>{link}. {SENTENCE * 2}</p>"
        blocks += [
            {"type": "heading", "value": f"Part {number + 1}"},
            {"type": "text", "value": text},
            {"type": "quote", "value": {"text": SENTENCE, "source": "A colleague"}}
            if number % 2
            else {"type": "hole", "value": "To be written"},
        ]
    return blocks


def long_topic() -> tuple[TopicPage, Enrolment]:
    """A topic of 30 blocks, without a check, one of four; and one who learns it."""
    programme = ProgrammePageFactory()
    links = list(TopicPage.objects.live().values_list("pk", flat=True))
    topic = TopicPageFactory(parent=programme, body=json.dumps(thirty_blocks(links)))
    TopicPageFactory.create_batch(3, parent=programme)
    return topic, EnrolmentFactory(edition=EditionFactory(programme=programme))


def make_anew(request: HttpRequest | None, key: Hashable, make: Callable[[], T]) -> T:
    return make()


@contextmanager
def plain_wagtail() -> Iterator[None]:
    with (
        patch("content.addresses.kept", make_anew),
        patch("content.middleware.kept", make_anew),
        patch("courses.bodies.kept", make_anew),
        patch("courses.reading.kept", make_anew),
        patch("lms.dashboards.context.kept", make_anew),
        patch.object(HomePage, "route", Page.route),
        patch.object(MembersPage, "get_view_restrictions", Page.get_view_restrictions),
    ):
        yield


@contextmanager
def as_served() -> Iterator[None]:
    yield


def bench_topic() -> Iterator[Figure]:
    topic, enrolment = long_topic()
    client = Client()
    client.force_login(enrolment.member.user)
    address = topic.url
    ways: dict[str, Callable[[], Any]] = {"kept": as_served, "plain": plain_wagtail}
    seconds = dict.fromkeys(ways, 0.0)
    queries = dict.fromkeys(ways, 0)

    def count(execute: Any, *query: Any) -> Any:
        queries[name] += 1
        return execute(*query)

    shown = set()
    for name, way in ways.items():  # noqa: B007  counted by name
        with way():
            client.get(address)
            with connection.execute_wrapper(count):
                answer = client.get(address)
            shown.add((answer.status_code, answer.text.count("Read on")))
    if shown != {(200, 10)}:
        raise RuntimeError(f"the two ways show something else: {shown}")

    for _ in range(TURNS):
        for name, way in ways.items():
            with way():
                client.get(address)
                start = time.process_time()
                for _ in range(ROUNDS):
                    client.get(address)
                seconds[name] += time.process_time() - start

    asked = TURNS * ROUNDS
    rates = {name: asked / spent for name, spent in seconds.items()}
    name = "topic page of 30 blocks"
    yield Figure(f"{name}, queries", queries["kept"], "queries", MOST_QUERIES)
    yield Figure(f"{name}, queries the plain way", queries["plain"], "queries", 1000)
    yield Figure(f"{name}, kept", rates["kept"], "/s", 0, at_least=True)
    yield Figure(f"{name}, the plain way", rates["plain"], "/s", 0, at_least=True)
    yield Figure(
        f"{name}, kept ÷ plain",
        rates["kept"] / rates["plain"],
        "×",
        LEAST_RATIO,
        at_least=True,
    )
