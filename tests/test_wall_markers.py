"""What another company's people have is nowhere in what this company's people get.

Every text that a row about the one holds is marked as it is made; the other's people
then follow every link, open every address of the table, and take every file.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin
from zipfile import ZipFile, is_zipfile

import pytest
import time_machine
from django.db import models
from django.db.models.signals import pre_save
from django.urls import get_resolver, reverse
from django.utils.html import strip_tags
from django.utils.module_loading import import_string
from django.utils.timezone import now
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from pypdf import PdfReader

import tests.factories
from lms.dashboards import clock
from lms.mail.models import Message
from lms.mail.outbox import send_due
from tests.crowd import LOGS, address, ask, expected, seated, taken_back
from tests.factories import InvitationFactory, MemberFactory
from tests.test_access import TABLE, body_for, make_side, make_world, patterns
from tests.test_visible_to import records

MARK = "zqxvwk"  # in no word of ours
TERM = "zqxv"  # finds it, and is shown again by whatever is asked for it
ENOUGH = 2000  # addresses for one person: none has as many, or the crawl is cut
# What these say is no text of a person's: keys, and words of ours with a meaning.
MEANT = {
    "kind", "writer", "verb", "target_type", "target_id", "system", "request", "path", "state",
    "password", "time_zone", "language", "token_hash", "digest", "sha256", "ref",
    "serial", "uid", "block", "etag", "modified", "pdf_sha256", "public_sha256",
    "private_sha256", "source", "engagement", "room_url", "url",
}  # fmt: skip
# Must be empty until something has happened.
NOT_YET = {
    "why_refused", "closed_why", "ended_why", "voided_why", "trouble", "error",
    "missing_letters", "missed_by", "reason", "private_email", "answer", "outcome",
}  # fmt: skip
# In JSON, what stands under these.
SAID = {"name", "title", "note", "text", "reseller", "why", "answer", "holder", "email"}


# Of the CMS, these alone are answered to all: words and icons.
OF_EVERYBODY = {"/cms/jsi18n/", "/cms/sprite/"}


MADE: set[type[models.Model]] = set()  # what was marked


def mark(sender: type[models.Model], instance: models.Model, **more: Any) -> None:
    """Put the marker before each text of a row about people, as it is first saved."""
    if sender not in set(records()) or not instance._state.adding:
        return
    MADE.add(sender)
    for field in sender._meta.concrete_fields:
        value = getattr(instance, field.attname)
        if field.name == "pdf_sha256" and value:
            instance.pdf_sha256 = "f" * 64  # not the same file as Tess's
        if (
            field.name in MEANT
            or field.choices
            or (field.name in NOT_YET and not value)
        ):
            continue
        if isinstance(field, models.CharField | models.TextField):
            if MARK not in value:
                marked = f"{MARK} {value}" if "@" not in value else MARK + value
                setattr(instance, field.attname, marked[: field.max_length])
        elif isinstance(field, models.JSONField):
            setattr(instance, field.attname, marked_json(value))


def marked_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: f"{MARK} {each}"
            if key in SAID and isinstance(each, str)
            else marked_json(each)
            for key, each in value.items()
        }
    return [marked_json(each) for each in value] if isinstance(value, list) else value


@contextmanager
def marking() -> Iterator[None]:
    pre_save.connect(mark)
    try:
        yield
    finally:
        pre_save.disconnect(mark)


def make_marked(world: Any) -> dict[str, Any]:
    """Another company, in the same programme and with the same trainer as Tess."""
    MADE.clear()
    with marking():
        theirs = make_side("", world.enrolment.edition, world.booking.trainer)
        MemberFactory(reseller=theirs["reseller"], is_manager=True)
        InvitationFactory(reseller=theirs["reseller"])
        more(theirs)
    return theirs


def more(theirs: dict[str, Any]) -> None:
    """At least one row of each record that can be theirs."""
    given = {
        "user": theirs["member"].user,
        "recipient": theirs["member"].user,
        "actor": theirs["member"].user,
        "about": theirs["member"].user,
        "asked_by": theirs["member"].user,
        "member": theirs["member"],
        "enrolment": theirs["enrolment"],
        "booking": theirs["booking"],
        "reseller": theirs["reseller"],
        "top": theirs["reseller"],
    }
    for model in records():
        factory = getattr(tests.factories, f"{model.__name__}Factory", None)
        if factory is None or model in MADE:
            continue
        fields = {field.name: field.related_model for field in model._meta.fields}
        factory(
            **{
                name: row
                for name, row in given.items()
                if fields.get(name) is type(row)
            }
        )


def texts_of(response: Any, body: bytes) -> str:
    """All that a file says, whatever it is; unpacked, and without its tags."""
    head = " ".join(f"{key}: {value}" for key, value in response.headers.items())
    return f"{head}\n{said_in(body)}".lower()


def said_in(body: bytes) -> str:
    if body.startswith(b"%PDF-") and len(body) > 100:
        return "\n".join(page.extract_text() for page in PdfReader(BytesIO(body)).pages)
    if is_zipfile(BytesIO(body)):
        with ZipFile(BytesIO(body)) as files:
            names = files.namelist()
            return "\n".join([*names, *(said_in(files.read(each)) for each in names)])
    text = body.decode(errors="replace")
    return f"{text}\n{strip_tags(text)}\n{unfolded(text)}"


def unfolded(text: str) -> str:
    """Calendar files fold their lines, JSON escapes its letters."""
    text = re.sub(r"\r?\n[ \t]", "", text)
    try:
        return text + str(json.loads(text))
    except ValueError:
        return text


LINKS = re.compile(r'(?:href|src|action|hx-get|data-url)="([^"]+)"')


class Crawl:
    """All that somebody gets at, from where they begin."""

    def __init__(self, client: Any, keys: dict[str, Any]) -> None:
        self.client, self.keys = client, keys
        self.seen: set[str] = set()
        self.answers: dict[str, int] = {}
        self.leaks: set[str] = set()
        self.writes: dict[str, set[str]] = {}
        self.left: deque[str] = deque()  # what was found and not asked

    def go(self, starts: list[str]) -> None:
        ways = self.left
        ways.extend(starts)
        while ways and len(self.answers) < ENOUGH:
            url = ways.popleft()
            shape = re.sub(r"(?<!format)=[^&]*", "", url)
            if shape in self.seen or "logout" in url:
                continue
            self.seen.add(shape)
            ways.extend(self._open(url))

    def ask_all(self, urls: list[str]) -> None:
        """These and no others: no link is followed."""
        for url in urls:
            list(self._open(url))

    def _open(self, url: str) -> Iterator[str]:
        answer = ask(self.client, "get", url)
        said = texts_of(answer.response, answer.body)
        self.answers[url] = answer.response.status_code
        if MARK in said:
            self.leaks.add(url)
        written = answer.written - LOGS
        if url.startswith("/accounts/email/"):  # keeps a login's address in its table,
            written -= {"account_emailaddress"}  # where a factory has not put it
        if written:
            self.writes[url] = written
        if "html" not in answer.response.headers.get("Content-Type", ""):
            return
        for link in LINKS.findall(answer.body.decode(errors="replace")):
            to = urljoin(url, urldefrag(link.replace("&amp;", "&"))[0])
            if to.startswith("/") and not to.startswith(("/static", "/cms", "//")):
                yield to
        if answer.response.status_code == 200 and "?" not in url:
            yield from (f"{url}?format={kind}" for kind in ("csv", "xlsx"))
            yield f"{url}?q={TERM}"
            yield f"{url}?{urlencode(self.keys)}"


@pytest.fixture
def marked(db: None, caplog: Any) -> Any:
    caplog.set_level("CRITICAL")
    world = make_world()
    world.theirs = make_marked(world)
    for name in ("did_document", "seal_roots"):  # keeps the keys made at first use
        seated(None).get(reverse(name))
    return world


def crawl(world: Any, who: str) -> Crawl:
    theirs = world.theirs
    keys = {
        "reseller": theirs["reseller"].pk,
        "top": theirs["reseller"].pk,
        "members": theirs["member"].pk,
        "member": theirs["member"].pk,
        "person": theirs["member"].user_id,
        "serial": theirs["certificate"].serial,
        "call": theirs["booking"].ref,
        "about": theirs["member"].user_id,
    }
    found = Crawl(seated(world.people[who]), keys)
    starts = [
        address(name, entry.args(world))
        for name, entry in TABLE.items()
        if entry.method == "get" and name != "verify_form"
    ]
    # However long it takes: after some minutes a sign-in would be noted as seen anew.
    with time_machine.travel(now(), tick=False):
        found.go(starts)
    return found


@pytest.mark.parametrize("who", ["tess", "colleague", "manager"])
def test_nothing_of_another_company_is_found(marked, who, capsys):
    found = crawl(marked, who)

    assert len(found.answers) > 100
    assert not found.left, "The crawl was cut short: is there an endless way?"
    assert found.leaks == set()
    assert found.writes == {}
    assert {status for status in found.answers.values() if status >= 500} == set()
    with capsys.disabled():
        print(f" {who}: {len(found.answers)} addresses ", end="")  # noqa: T201


def cms_addresses(world: Any) -> list[str]:
    """All of the CMS, choosers and what completes a word among them, asked for theirs.

    A key in an address is that of the other company's person.
    """
    key, asked = world.theirs["member"].user_id, urlencode({"q": TERM, "term": TERM})
    return [
        "/" + re.sub(r"<(?:\w+:)?\w+>", str(key), route) + f"?{asked}"
        for route, name in patterns(get_resolver())
        if route.startswith("cms/")
        and "(" not in route
        and name not in {"wagtailadmin_logout", "wagtailadmin_error_test"}
    ]


@pytest.mark.parametrize("who", ["tess", "manager", "trainer"])
def test_choosers_and_searches_of_the_cms_are_for_the_channel_team(marked, who):
    found = Crawl(seated(marked.people[who]), {})

    found.ask_all(cms_addresses(marked))

    assert len(found.answers) > 100
    assert found.leaks == set()
    shown = {url for url, status in found.answers.items() if status == 200}
    assert {url.partition("?")[0] for url in shown} == OF_EVERYBODY


def test_choosers_and_searches_of_the_cms_find_the_marker_for_staff(marked):
    found = Crawl(seated(marked.people["staff"]), {})

    found.ask_all(cms_addresses(marked))

    assert any(url.partition("?")[0].endswith("results/") for url in found.leaks)


def test_the_marker_is_found_by_those_who_may_see_it(marked):
    found = crawl(marked, "staff")
    own = Crawl(seated(marked.theirs["member"].user), {})
    own.go(["/my/", "/calls/", "/certificates/", "/settings/"])

    assert len(found.leaks) > 10
    assert any("format=csv" in url for url in found.leaks)
    assert any("format=xlsx" in url for url in found.leaks)
    assert len(own.leaks) > 3


def test_no_mail_speaks_of_another_company(marked):
    """Of what each form of the table causes, and of what the clock sends in time."""
    ours = {marked.people[who] for who in ("tess", "colleague", "manager")}
    told: set[tuple[str, str]] = set()
    start = now()

    for who in ("tess", "manager", "trainer", "staff"):
        client = seated(marked.people[who])
        for name, entry in TABLE.items():
            if entry.method == "post" and expected(name, who) in (200, 302):
                with taken_back():
                    client.post(address(name, entry.args(marked)), body_for(marked))
                    told |= said_by_mail(ours)
    for days in (0, 1, 6, 7, 14, 30, 100):
        with time_machine.travel(start + timedelta(days=days), tick=False):
            clock.tick()
            do_what_waits()
            send_due()
    told |= said_by_mail(ours)

    assert {"calls", "digest", "enrolled", "reminder"} <= {kind for kind, _said in told}
    assert {kind for kind, said in told if MARK in said} == set()
    theirs = {marked.theirs["member"].user}
    assert {kind for kind, said in said_by_mail(theirs) if MARK in said}


def said_by_mail(to: set[Any]) -> set[tuple[str, str]]:
    """Of each mail to one of these: its kind, and all that it says."""
    mails = Message.objects.filter(recipient__in=to)
    return {
        (mail.kind, f"{mail.subject} {mail.body} {mail.attachments}".lower())
        for mail in mails
    }


def do_what_waits() -> None:
    """What the worker does, but for making files: these are read elsewhere."""
    for job in DBTaskResult.objects.filter(status=TaskResultStatus.READY):
        if not job.task_path.startswith("certificates."):
            import_string(job.task_path).func(*job.args_kwargs["args"])
        DBTaskResult.objects.filter(pk=job.pk).delete()
