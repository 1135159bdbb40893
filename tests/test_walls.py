"""The walls: everybody, at every address, by every method, before every object.

The expected answers are made from the table of `tests/test_access.py`: a new address
needs its entry there, and nothing here.
"""

from __future__ import annotations

import logging
from itertools import product
from typing import Any

import pytest

from tests.crowd import (
    DENIED,
    LIKE,
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
)
from tests.test_access import TABLE, body_for


@pytest.fixture
def crowd(db: None, caplog: Any) -> Any:
    caplog.set_level(logging.CRITICAL, "django")  # a line for each 404 and 405
    return make_crowd()


@pytest.fixture
def count(capsys: Any) -> Any:
    """Tell whoever runs it how many cases there were."""

    def tell(words: str) -> None:
        with capsys.disabled():
            print(f" {words} ", end="")  # noqa: T201  into the report

    return tell


def report(wrong: dict[Any, Any]) -> str:
    """What was answered otherwise: the address, who asked, and how."""
    lines = [f"{' '.join(map(str, asked))}: {what}" for asked, what in wrong.items()]
    return "\n".join(["see TABLE in test_access.py, UNLIKE in crowd.py", *lines])


@pytest.mark.parametrize("method", METHODS)
def test_everybody_is_answered_by_the_table(crowd, method, count):
    """What the table says, by its method; no more than that by any other."""
    wrong, cases = {}, 0

    for name, entry in TABLE.items():
        url = address(name, entry.args(crowd))
        for who in who_asks(entry, method):
            answer = ask(crowd.clients[who], method, url, body_for(crowd))
            wanted = expected(name, who)
            cases += 1
            if method == entry.method and answer.status != wanted:
                wrong[name, who] = f"{answer.status}, not {wanted}"
            elif answer.response.status_code >= 500:
                wrong[name, who] = answer.status
            elif wanted in DENIED and answer.says_more:
                wrong[name, who] = f"{answer.status}, but {wanted} by {entry.method}"
            elif method != "post" and answer.written - LOGS:
                wrong[name, who] = f"writes {answer.written - LOGS}"

    assert not wrong, report(wrong)
    count(f"{cases} cases by {method.upper()}")


def test_a_foreign_object_is_answered_as_one_that_is_not_there(crowd, count):
    """The same status, the same words, the same number of queries, by each method."""
    wrong, cases = {}, 0

    for name, entry in TABLE.items():
        if entry.foreign is None:
            continue
        theirs = entry.foreign(crowd)
        nobodys = missing(theirs)
        urls = address(name, theirs), address(name, nobodys)
        for who, method in product(LIKE, METHODS):
            if method != entry.method and who not in {"tess", "manager"}:
                continue
            foreign, absent = (
                ask(crowd.clients[who], method, url, body_for(crowd)) for url in urls
            )
            cases += 2
            if LIKE[who] == "staff" and entry.staff not in DENIED:
                continue
            words = [
                alike(answer.body, url, theirs + nobodys)
                for answer, url in zip((foreign, absent), urls, strict=True)
            ]
            if foreign.says_more:
                wrong[name, who, method] = foreign.status
            elif foreign.status != absent.status:
                wrong[name, who, method] = f"{foreign.status}, {absent.status}"
            elif foreign.queries != absent.queries:
                wrong[name, who, method] = (
                    f"{foreign.queries} and {absent.queries} queries"
                )
            elif words[0] != words[1]:
                wrong[name, who, method] = "other words"

    assert not wrong, report(wrong)
    count(f"{cases} cases")


def test_a_malformed_key_is_not_found(crowd, count):
    wrong, cases = {}, 0

    for name, entry in TABLE.items():
        if entry.foreign is None:
            continue
        for url in malformed(name, entry.args(crowd)):
            for who in ("anonymous", "tess", "manager", "staff"):
                answer = ask(crowd.clients[who], entry.method, url)
                cases += 1
                if answer.status not in DENIED:
                    wrong[url, who] = answer.status

    assert not wrong, report(wrong)
    count(f"{cases} cases")
