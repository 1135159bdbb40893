"""The walls: everybody, at every address, by every method, before every object.

The expected answers are made from the table of `tests/test_access.py`: a new address
needs its entry there, and nothing here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import unified_diff
from itertools import product
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils.timezone import now

from tests.crowd import (
    DENIED,
    LOGS,
    METHODS,
    address,
    alike,
    ask,
    expected,
    make_crowd,
    malformed,
    missing,
    who_asks,
    who_is_kept_out,
)
from tests.test_access import TABLE, body_for

OF_SOMEBODY = [name for name, entry in TABLE.items() if entry.foreign]
Count = Callable[[str], None]


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Made once: what an answer changes is taken back at once.

    The clock stands meanwhile: after five minutes a look is written down anew, at
    each of them, as that is taken back too.
    """
    logger = logging.getLogger("django")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # a line for each 404 and 405
    with (
        time_machine.travel(now(), tick=False),
        django_db_blocker.unblock(),
        transaction.atomic(),
    ):
        yield make_crowd()
        transaction.set_rollback(True)
    logger.setLevel(level)


@pytest.fixture(scope="module")
def count(pytestconfig: Any) -> Iterator[Count]:
    """Tell whoever runs it how many cases there were."""
    cases: Counter[str] = Counter()
    yield lambda kind: cases.update([kind])
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f" {cases.total()} cases: {dict(cases)} ", end="")  # noqa: T201


def report(wrong: dict[Any, Any]) -> str:
    """What was answered otherwise: who asked, and how."""
    lines = [f"{' '.join(map(str, asked))}: {what}" for asked, what in wrong.items()]
    return "\n".join(["see TABLE in test_access.py, UNLIKE in crowd.py", *lines])


@pytest.mark.parametrize("name", TABLE)
def test_everybody_is_answered_by_the_table(crowd, name, count):
    """What the table says, by its method; no more than that by any other."""
    entry, wrong = TABLE[name], {}
    url = address(name, entry.args(crowd))

    for method in METHODS:
        for who in who_asks(entry, method):
            answer = ask(crowd.clients[who], method, url, body_for(crowd))
            wanted = expected(name, who)
            count(method.upper())
            if method == entry.method and answer.status != wanted:
                wrong[method, who] = f"{answer.status}, not {wanted}"
            elif answer.response.status_code >= 500:
                wrong[method, who] = answer.status
            elif wanted in DENIED and answer.says_more:
                wrong[method, who] = f"{answer.status}, but {wanted} by {entry.method}"
            elif method != "post" and answer.written - LOGS:
                wrong[method, who] = f"writes {answer.written - LOGS}"

    assert not wrong, report(wrong)


@pytest.mark.parametrize("name", OF_SOMEBODY)
def test_a_foreign_object_is_answered_as_one_that_is_not_there(crowd, name, count):
    """The same status, the same words, the same number of queries, by each method."""
    entry, wrong = TABLE[name], {}
    theirs = entry.foreign(crowd)
    nobodys = missing(theirs)
    urls = address(name, theirs), address(name, nobodys)

    for who, method in product(who_is_kept_out(name), METHODS):
        if method != entry.method and who not in {"tess", "manager"}:
            continue
        foreign, absent = (
            ask(crowd.clients[who], method, url, body_for(crowd)) for url in urls
        )
        count("foreign")
        count("missing")
        words = [
            alike(answer.body, url, theirs + nobodys)
            for answer, url in zip((foreign, absent), urls, strict=True)
        ]
        if foreign.says_more:
            wrong[who, method] = foreign.status
        elif foreign.status != absent.status:
            wrong[who, method] = f"{foreign.status}, {absent.status}"
        elif foreign.queries != absent.queries:
            wrong[who, method] = f"{foreign.queries} and {absent.queries} queries"
        elif words[0] != words[1]:
            lines = [text.decode(errors="replace").splitlines() for text in words]
            wrong[who, method] = "\n".join(unified_diff(*lines, n=0))

    assert not wrong, report(wrong)


@pytest.mark.parametrize("name", OF_SOMEBODY)
def test_a_malformed_key_is_not_found(crowd, name, count):
    entry, wrong = TABLE[name], {}

    for url in malformed(name, entry.args(crowd)):
        for who in ("anonymous", "tess", "manager", "staff"):
            answer = ask(crowd.clients[who], entry.method, url)
            count("malformed")
            if answer.status not in DENIED:
                wrong[url, who] = answer.status

    assert not wrong, report(wrong)
