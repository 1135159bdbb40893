"""Who sees what of a person, field by field (design §5), on every page and in each mail.

Every field holds a word of its own; whoever has it in an answer or a mail is found out,
and is to be exactly who stands in the table.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse

from courses.checks import start_attempt, submit_attempt
from lms.mail.models import Message
from sessions.cancelling import cancel_call
from sessions.models import BookingState, CallFeedback, CallMessage
from tests.checks import wrong_answers
from tests.crowd import LIKE, address, ask, expected, make_crowd, taken_back
from tests.factories import (
    BookingFactory,
    BookingTopicFactory,
    TimeRequestFactory,
)
from tests.test_access import TABLE
from tests.test_wall_markers import texts_of

MANAGERS = {"manager", "parent_manager"}
STAFF = {"staff", "editor", "carer", "reader"}
BOTH = {"tess", "trainer"}
# Each field, and who sees it; nobody else does, nowhere.
TABLE_OF_FIELDS: dict[str, set[str]] = {
    "User.full_name": {*BOTH, *MANAGERS, *STAFF},
    "User.email": {"tess", *MANAGERS, *STAFF},
    "User.call_needs": BOTH,
    "BookingTopic.note": {*BOTH, *MANAGERS, *STAFF},
    "BookingTopic.private_note": {"trainer"},
    "Booking.reason": {*BOTH, *STAFF},
    "CallMessage.text": BOTH,
    "CallFeedback.missing": {"tess"},
    "Attempt.questions": {"tess"},
    "Dispute.text": {*BOTH, *STAFF},
    "ProgrammeRequest.note": {"tess", *MANAGERS, *STAFF},
    "TimeRequest.note": {*BOTH},
    "NameCorrection.why": {"tess", *STAFF},
}
CALLS = ["sessions:booking", "sessions:sign_off", "sessions:check_answers"]
CALLS += ["sessions:board", "sessions:room", "sessions:room_agenda"]
FILES = ["dashboards:team", "sessions:team_calls", "certificates:team"]


def word_of(field: str) -> str:
    return "qx" + field.replace(".", "").replace("_", "").lower()


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    logger = logging.getLogger("django")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    with django_db_blocker.unblock(), transaction.atomic():
        world = make_crowd()
        mark(world)
        yield world
        transaction.set_rollback(True)
    logger.setLevel(level)


def mark(world: Any) -> None:
    """Put each field's word into it, of Tess and her calls."""
    said = {field: word_of(field) for field in TABLE_OF_FIELDS}
    tess = world.people["tess"]
    tess.full_name = f"{said['User.full_name']} Tess"
    tess.email = f"{said['User.email']}@example.com"
    tess.call_needs = said["User.call_needs"]
    tess.save()
    topic = world.topic
    option = {"text": said["Attempt.questions"], "is_right": False}
    topic.questions = json.dumps(
        [
            {
                "type": "single",
                "value": {
                    "text": "Which?",
                    "options": [{"text": "This", "is_right": True}, option],
                    "reason": "",
                },
            }
        ]
    )
    topic.save()
    submit_attempt(world.attempt, {})
    attempt = start_attempt(world.enrolment, topic)
    submit_attempt(attempt, wrong_answers(attempt))
    theirs = {"enrolment": world.enrolment, "trainer": world.booking.trainer}
    done = BookingFactory(**theirs, state=BookingState.DONE, topics=[])
    BookingTopicFactory(
        booking=done,
        topic=topic,
        outcome="again",
        note=said["BookingTopic.note"],
        private_note=said["BookingTopic.private_note"],
    )
    off = BookingFactory(**theirs)
    cancel_call(off, by=tess, reason=said["Booking.reason"])
    for call in (done, world.booking):
        CallMessage.objects.create(
            booking=call,
            by=tess,
            to=call.trainer.user,
            key=uuid4(),
            text=said["CallMessage.text"],
        )
    CallFeedback.objects.create(
        booking=done, rating=2, missing=said["CallFeedback.missing"]
    )
    world.calls = [world.booking, done, off, world.dispute.booking]
    for row, field, word in (
        (world.dispute, "text", said["Dispute.text"]),
        (world.request, "note", said["ProgrammeRequest.note"]),
        (world.correction, "why", said["NameCorrection.why"]),
    ):
        type(row).objects.filter(pk=row.pk).update(**{field: word})
    TimeRequestFactory(enrolment=world.enrolment, note=said["TimeRequest.note"])


def places(world: Any) -> Iterator[tuple[str, str]]:
    """Each address that is read, by its name; a call's for each of her calls."""
    for name, entry in TABLE.items():
        if entry.method == "get":
            yield name, address(name, entry.args(world))
    for name in CALLS:
        for call in world.calls:
            yield name, reverse(name, args=[call.ref])
    for name in FILES:
        yield name, f"{reverse(name)}?format=csv"
    for attempt in world.enrolment.attempts.all():
        yield "courses:check", reverse("courses:check", args=[attempt.pk])
    yield "privacy:download", reverse("privacy:download")


def said_to(client: Any, method: str, url: str) -> str:
    with taken_back():
        response = getattr(client, method)(url)
        body = b"".join(response)
        for close in response._resource_closers:  # close() itself ends the connection
            close()
    return texts_of(response, body)


def test_each_field_is_seen_by_those_of_the_table_and_nobody_else(crowd):
    seen: dict[str, dict[str, str]] = {field: {} for field in TABLE_OF_FIELDS}

    for name, url in places(crowd):
        for who in LIKE:
            if expected(name, who) not in (200, 302):
                continue
            said = said_to(crowd.clients[who], TABLE[name].method, url)
            for field in seen:
                if word_of(field) in said:
                    seen[field].setdefault(who, url)

    wrong = {}
    for field, who in TABLE_OF_FIELDS.items():
        more = {each: seen[field][each] for each in seen[field].keys() - who}
        less = who - seen[field].keys()
        if more or less:
            wrong[field] = f"more: {more}, less: {less}"
    assert not wrong, "\n".join(f"{field}: {what}" for field, what in wrong.items())


def test_each_mail_says_what_its_reader_sees(crowd):
    by_person = {person: who for who, person in crowd.people.items() if person}
    wrong, found = [], set()

    for mail in Message.objects.exclude(recipient=None).select_related("recipient"):
        said = f"{mail.subject}\n{mail.body}".lower()
        who = by_person.get(mail.recipient)
        for field, seers in TABLE_OF_FIELDS.items():
            if word_of(field) in said:
                found.add((field, who))
                if who not in seers:
                    wrong.append((field, mail.key))

    assert wrong == []
    assert {("Booking.reason", "trainer"), ("User.full_name", "trainer")} <= found


# Pages about oneself, whose addresses name nobody.
OWN = {
    "dashboards:own_log",
    "people:notices",
    "people:own_address",
    "people:settings",
    "privacy:own",
    "sessions:load",
}
# Their addresses name what is a company's, and of people there are lists.
OF_A_COMPANY = {
    "certificates:statement",
    "dashboards:reseller",
    "dashboards:reseller_handbook",
}
NO_PAGE = {  # files, and parts of a page that says it
    "certificates:credential",
    "certificates:pdf",
    "certificates:statement_file",
    "courses:check",
    "courses:steps",
    "sessions:board",
    "sessions:calendar_file",
    "sessions:room_agenda",
}
OF_A_PERSON = {
    name
    for name, entry in TABLE.items()
    if entry.method == "get"
    and entry.foreign
    and 200 in (*entry.answers, entry.staff)
    and name not in OF_A_COMPANY | NO_PAGE
}


@pytest.mark.parametrize("name", sorted(OF_A_PERSON | OWN))
def test_each_page_about_a_person_says_who_sees_it(crowd, name):
    url = address(name, TABLE[name].args(crowd))
    readers = [who for who in LIKE if expected(name, who) == 200]

    said = [ask(crowd.clients[who], "get", url).body.decode("latin") for who in readers]

    assert {page.count("data-seen-by") for page in said} == {1}
