"""What every address refuses: a change without a token, a way to another site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse

from tests.crowd import address, ask, make_crowd
from tests.factories import UserFactory
from tests.test_access import TABLE, body_for, patterns

UNSAFE = ["post", "put", "patch", "delete"]
# A mail app presses this for its reader, whose secret is in the address (RFC 8058).
WITHOUT_TOKEN = {"people:notice_off"}


@pytest.fixture
def crowd(db: None, caplog: Any) -> Any:
    caplog.set_level("CRITICAL", "django")
    return make_crowd()


def strict(client: Client) -> Client:
    """The same person, whose tokens are looked at."""
    twin = Client(enforce_csrf_checks=True)
    twin.cookies = client.cookies
    return twin


def test_nothing_is_done_without_a_token(crowd):
    people = {who: strict(crowd.clients[who]) for who in ("anonymous", "tess", "staff")}
    wrong = {}

    for name, entry in TABLE.items():
        if name in WITHOUT_TOKEN:
            continue
        url = address(name, entry.args(crowd))
        for who, method in product(people, UNSAFE):
            answer = ask(people[who], method, url, body_for(crowd))
            if answer.status != 403 or answer.written:
                wrong[name, who, method] = answer.status

    assert not wrong, wrong


def test_nothing_of_others_is_done_without_a_token(crowd):
    """Wagtail's and allauth's addresses, as far as they take no argument."""
    staff = strict(crowd.clients["staff"])
    asked, wrong = 0, {}

    for _route, name in patterns(get_resolver()):
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        if name not in WITHOUT_TOKEN and url.startswith(("/cms/", "/accounts/")):
            asked += 1
            if (answer := ask(staff, "post", url)).status != 403 or answer.written:
                wrong[name] = answer.status

    assert asked > 60
    assert not wrong, wrong


def test_only_what_needs_none_is_exempt_from_the_token():
    exempt = {
        name
        for name, view in views(get_resolver())
        if name in TABLE and getattr(view, "csrf_exempt", False)
    }

    assert exempt == WITHOUT_TOKEN


def views(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, Any]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from views(
                each, f"{space}{each.namespace}:" if each.namespace else space
            )
        else:
            yield f"{space}{each.name}", each.callback


HOSTS = ["evil.example", "127.0.0.1@evil.example", "evil.example:443", "[2001:db8::1]"]
FORMS = [
    "//{}", "///{}", "////{}", "/\\{}", "\\\\{}", "\\/{}", "/\\/{}", "//\\{}",
    "/\t/{}", "/\n/{}", "/\r/{}", "\t//{}", " //{}", "\x00//{}", "/%09/{}",
    "/%2f{}", "/%5c{}", "%2f%2f{}", "/%0a/{}", "/.//{}", "/..//{}", "/;//{}",
    "http://{}", "https://{}", "HTTP://{}", "http:{}", "http:/{}", "http:///{}",
    "http:\\\\{}", "https:\\{}", "ftp://{}", "ws://{}", "file://{}",
    "javascript:alert('{}')", "JaVaScRiPt:alert('{}')", "java\tscript:alert('{}')",
    " javascript:alert('{}')", "\x01javascript:alert('{}')", "data:text/html,{}",
    "vbscript:{}", "blob:http://{}", "//{}/%2e%2e", "/\u2028/{}", "\uff0f\uff0f{}",
    "/\u3000/{}", "//{}#", "//{}?", "?next=//{}", "//testserver@{}", "//{}\\@testserver",
    "http://testserver@{}", "http://testserver.{}",
]  # fmt: skip
WAYS = [form.format(host) for form, host in product(FORMS, HOSTS)]


def is_ours(url: str) -> bool:
    """Whether a browser that reads this stays on this site.

    As browsers do: tabs and line ends are dropped, what stands before the address
    below 33 too, and a backslash is a slash.
    """
    read = "".join(each for each in url if each not in "\t\r\n").lstrip(
        "".join(map(chr, range(33)))
    )
    read = read.replace("\\", "/")
    return not re.match(r"//|[A-Za-z][A-Za-z0-9+.-]*:", read)


@pytest.mark.parametrize(
    ("to", "ours"),
    [
        ("/my/", True),
        ("%2f%2fevil.example", True),  # a name below the page
        ("?next=//evil.example", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("/\t/evil.example", False),
        (" \x01javascript:alert(1)", False),
        ("http:evil.example", False),
    ],
)
def test_a_way_to_another_site_is_known(to, ours):
    assert is_ours(to) == ours


@pytest.mark.parametrize("part", range(4))
def test_no_next_leads_to_another_site(db, client, part, caplog):
    caplog.set_level("CRITICAL", "django")
    person = UserFactory(password="correct horse battery")
    words = {"login": person.email, "password": "correct horse battery"}
    wrong = {}

    assert len(WAYS) >= 200
    for way in WAYS[part::4]:
        signing_in = ask(
            Client(), "post", reverse("account_login"), words | {"next": way}
        ).response
        client.force_login(person)
        answers = [
            signing_in,
            ask(client, "get", f"/accounts/login/?next={quote(way)}").response,
            ask(client, "post", f"/accounts/logout/?next={quote(way)}").response,
            ask(
                client,
                "post",
                reverse("people:confirm_name"),
                {"name": person.full_name, "next": way},
            ).response,
        ]
        for answer in answers:
            to = answer.get("Location", "/")
            if answer.status_code >= 500 or not is_ours(to):
                wrong[way, answer.request["PATH_INFO"]] = answer.status_code, to

    assert not wrong, wrong
