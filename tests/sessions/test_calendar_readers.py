"""Three readers that are not ours read the whole life of a call, and agree."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
import time_machine

from lms.mail.models import Message
from lms.mail.outbox import send_due
from sessions.calendar_files import calendar_file
from sessions.cancelling import cancel_call
from sessions.handing_over import ask_to_choose_again, hand_over
from sessions.mails import tell_booked
from sessions.moving import move_call
from tests.calendars.readers import READERS, by_ical_js, by_icalendar
from tests.factories import BookingFactory, TrainerFactory, UserFactory

MONDAY = datetime(2026, 10, 19, 7, tzinfo=UTC)
BEFORE = datetime(2026, 10, 23, 13, tzinfo=UTC)  # Friday before the clocks change
AFTER = datetime(2026, 10, 26, 14, tzinfo=UTC)  # Monday after

HOSTILE = [
    "Eve\r\nATTENDEE:mailto:eve@example.com",
    "Eve\nEND:VEVENT\nBEGIN:VEVENT\nUID:x",
    "Eve;CN=Adam,\\, \\n : and ' all of them",
    "Ève 🙂 " + "Ünïcödé 🧑🏽‍💻 " * 9,
    "Eve\x00\x07\x1b[31m\x85\u2028 Adam",
    'Eve "the" Adam',
    "^n^'^^ %0D%0A \\N \\;",
]


def files(kinds=("booked", "moved", "handed_over", "given_up", "cancelled")):
    """The calendar files of all mails so far, by the address they went to."""
    found = {}
    for message in Message.objects.order_by("pk"):
        if message.key.split(":")[2] in kinds:
            (file,) = message.attachments
            found.setdefault(message.to, []).append(file)
    return found


def read_by_all(texts):
    """What the readers say, which must be the same."""
    said = {name: read(texts) for name, read in READERS.items()}
    assert said["icalendar"] == said["ical"] == said["ical.js"]
    return said["icalendar"]


@pytest.mark.parametrize(
    ("trainee_zone", "trainer_zone"),
    [
        ("Europe/London", "America/New_York"),
        ("Asia/Kathmandu", "Australia/Lord_Howe"),
        ("Africa/Casablanca", "UTC"),
    ],
)
def test_book_move_move_hand_over_cancel_are_read_alike(db, trainee_zone, trainer_zone):
    with time_machine.travel(MONDAY, tick=False):
        call = BookingFactory(
            starts_at=BEFORE,
            enrolment__member__user=UserFactory(time_zone=trainee_zone),
            trainer=TrainerFactory(user=UserFactory(time_zone=trainer_zone)),
        )
        programmes = [call.enrolment.programme]
        old, new = call.trainer, TrainerFactory(programmes=programmes)
        old.programmes.set(programmes)
        tell_booked(call)
        move_call(call, starts_at=AFTER, by=call.trainee)
        move_call(call, starts_at=BEFORE - timedelta(hours=1), by=old.user)
        hand_over(call, new, by=old.user)
        cancel_call(call, by=call.trainee, reason="Plans.")

    sent = files()
    said = {
        to: read_by_all([file["text"] for file in theirs])
        for to, theirs in sent.items()
    }

    expected = {
        call.trainee: [
            ("REQUEST", 0, BEFORE),
            ("REQUEST", 1, AFTER),
            ("REQUEST", 2, BEFORE - timedelta(hours=1)),
            ("REQUEST", 3, BEFORE - timedelta(hours=1)),
            ("CANCEL", 4, BEFORE - timedelta(hours=1)),
        ],
        old.user: [
            ("REQUEST", 0, BEFORE),
            ("REQUEST", 1, AFTER),
            ("REQUEST", 2, BEFORE - timedelta(hours=1)),
            ("CANCEL", 3, BEFORE - timedelta(hours=1)),
        ],
        new.user: [
            ("REQUEST", 3, BEFORE - timedelta(hours=1)),
            ("CANCEL", 4, BEFORE - timedelta(hours=1)),
        ],
    }
    assert {
        to: [(one.method, one.sequence, one.starts_at) for one in theirs]
        for to, theirs in said.items()
    } == {user.email: rows for user, rows in expected.items()}
    for to, theirs in said.items():
        for one, file in zip(theirs, sent[to], strict=True):
            assert file["method"] == one.method
            assert one.uid == call.uid
            assert one.attendee == f"mailto:{to}"
            assert one.ends_at - one.starts_at == timedelta(minutes=20)
            assert one.status == (
                "CANCELLED" if one.method == "CANCEL" else "CONFIRMED"
            )
    everybody = [one for theirs in said.values() for one in theirs]
    assert len({one.organizer for one in everybody}) == 1


def test_asking_to_choose_again_is_read_alike(db):
    with time_machine.travel(MONDAY, tick=False):
        call = BookingFactory(starts_at=BEFORE)
        tell_booked(call)
        ask_to_choose_again(call, by=call.trainer.user, reason="Ill.")

    for theirs in files(("booked", "choose_again", "cancelled")).values():
        said = read_by_all([file["text"] for file in theirs])
        assert [(one.method, one.sequence) for one in said] == [
            ("REQUEST", 0),
            ("CANCEL", 1),
        ]


def test_the_mail_itself_carries_what_the_file_says(db, mailoutbox):
    with time_machine.travel(MONDAY, tick=False):
        call = BookingFactory(starts_at=BEFORE)
        call.trainer.programmes.set([call.enrolment.programme])
        tell_booked(call)
        send_due()  # what waits is dropped when something newer is said
        move_call(call, starts_at=AFTER, by=call.trainee)
        send_due()
        cancel_call(call, by=call.trainee, reason="Plans.")
        send_due()

    parts = [
        part
        for mail in mailoutbox
        for part in message_from_bytes(
            mail.message().as_bytes(), policy=policy.default
        ).walk()
        if part.get_content_type() == "text/calendar"
    ]
    said = read_by_all([part.get_content() for part in parts])
    assert [part["Content-Type"].params["method"] for part in parts] == [
        one.method for one in said
    ]
    assert [(one.method, one.sequence) for one in said] == [
        ("REQUEST", 0),
        ("REQUEST", 0),
        ("REQUEST", 1),
        ("REQUEST", 1),
        ("CANCEL", 2),
        ("CANCEL", 2),
    ]


def test_no_name_or_title_gets_out_of_its_place(db):
    texts, plain = [], []
    for name in HOSTILE:
        call = BookingFactory()
        # in memory: the database takes neither all of it nor a change of an edition
        call.trainee.full_name = call.trainer.user.full_name = name
        call.enrolment.edition.title = name
        texts.append(calendar_file(call, call.trainee)["text"])
        plain.append(call)

    said = read_by_all(texts)

    for text, one, call, name in zip(texts, said, plain, HOSTILE, strict=True):
        assert (one.uid, one.attendee) == (call.uid, f"mailto:{call.trainee.email}")
        assert one == replace(one, method="REQUEST", sequence=0, status="CONFIRMED")
        words = clean(name)
        assert one.attendee_name == words
        assert one.summary == f"ByteKast call: {words}"
        assert f"{words} and {words}" in one.description
        lines = text.split("\r\n")
        assert lines.count("BEGIN:VEVENT") == 1
        assert len([line for line in lines if line.startswith("ATTENDEE")]) == 1
        assert max(len(line.encode()) for line in lines) <= 75
        assert not [c for c in text if ord(c) < 32 and c not in "\r\n"]


def clean(name):
    """One line, without control characters and backslashes."""
    plain = "".join(c if ord(c) >= 32 else " " for c in name)
    return " ".join(plain.replace("\\", "/").split())


def test_a_file_that_is_none_is_told_by_the_readers():
    for read in READERS.values():
        with pytest.raises((ValueError, AssertionError)):
            read(["BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n"])


def test_the_readers_are_told_apart_from_what_wrote_the_file():
    assert {by_icalendar, by_ical_js} < set(READERS.values())
