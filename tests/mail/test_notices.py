"""What people turned off is not sent, and the link that turns it off."""

from typing import Any

import pytest
from django.utils.timezone import now

from lms.audit.models import Event
from lms.mail import notices, outbox
from lms.mail.kinds import CALLS, CERTIFICATE, ENROLLED, KINDS
from lms.mail.models import Message, NoticeOff
from tests.factories import NoticeOffFactory, UserFactory

pytestmark = pytest.mark.django_db

WELCOME = "people/email/welcome.txt"


def queue(key: str, to: Any, kind: Any) -> Message:
    return outbox.queue(key, to, WELCOME, {"link": "x", "days": 1}, kind=kind)


def test_what_is_off_is_not_queued_now_or_later(mailoutbox: Any) -> None:
    person = UserFactory()
    notices.turn_off(person, CERTIFICATE)

    left_out = queue("a", person, CERTIFICATE)
    queue("b", person, ENROLLED)
    notices.turn_on(person, CERTIFICATE)
    again = queue("a", person, CERTIFICATE)
    outbox.send_due()

    assert again == left_out
    assert (left_out.subject, left_out.body) == ("", "")
    assert len(mailoutbox) == 1


def test_what_is_turned_off_meanwhile_does_not_leave(mailoutbox: Any) -> None:
    message = queue("a", UserFactory(), CERTIFICATE)
    notices.turn_off(message.recipient, CERTIFICATE)

    assert not outbox.send(message.pk)

    message.refresh_from_db()
    assert message.dropped_at is not None
    assert mailoutbox == []


def test_of_mails_together_those_off_are_left_out(mailoutbox: Any) -> None:
    off, on = UserFactory.create_batch(2)
    NoticeOffFactory(person=off, kind=ENROLLED.key)
    NoticeOffFactory(person=on, kind=CERTIFICATE.key)
    words = {"enrolment": {"edition": {"title": "A"}}}
    mails = [
        outbox.Mail(f"k:{person.pk}", person, "courses/email/removed.txt", words)
        for person in (off, on)
    ]

    outbox.queue_together(mails)
    outbox.send_due()

    assert [mail.to for mail in mailoutbox] == [[on.email]]
    assert Message.objects.get(recipient=off).dropped_at is not None


def test_mail_that_people_need_cannot_be_turned_off(mailoutbox: Any) -> None:
    person = UserFactory()
    notices.turn_off(person, CALLS)
    NoticeOffFactory(person=person, kind=CALLS.key)

    queue("a", person, CALLS)
    outbox.send_due()

    (mail,) = mailoutbox
    assert "List-Unsubscribe" not in mail.extra_headers
    assert "notices/off" not in mail.body
    assert not Event.objects.exists()


def test_mail_that_is_a_choice_says_how_to_turn_it_off(mailoutbox: Any) -> None:
    person = UserFactory()
    url = notices.off_url(person.pk, CERTIFICATE)

    outbox.send(queue("a", person, CERTIFICATE).pk)

    (mail,) = mailoutbox
    assert mail.extra_headers["List-Unsubscribe"] == f"<{url}>"
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.body.splitlines()[-2:] == [
        "You get this because you have a new certificate.",
        f"No more of these: {url}",
    ]


def test_turning_off_and_on_is_logged_once_without_a_word_of_theirs() -> None:
    person = UserFactory()

    for turn in (notices.turn_off, notices.turn_on):
        turn(person, CERTIFICATE)
        turn(person, CERTIFICATE)

    events = Event.objects.order_by("pk").values_list("verb", "ids")
    assert list(events) == [
        ("turned a notice off", {"notice": "certificate"}),
        ("turned a notice on", {"notice": "certificate"}),
    ]
    assert not NoticeOff.objects.exists()


def test_link_is_for_one_person_and_one_kind() -> None:
    person = UserFactory()
    token = notices.off_url(person.pk, CERTIFICATE).rstrip("/").rpartition("/")[2]

    assert notices.read_token(token) == (person.pk, CERTIFICATE)
    for other in (
        token.replace(str(person.pk), str(person.pk + 1), 1),
        token.replace("certificate", "enrolled"),
        token[:-1],
        "",
        "::",
    ):
        assert notices.read_token(other) is None


def test_no_link_turns_off_what_people_need() -> None:
    always = [kind for kind in KINDS if not kind.may_be_off]

    for kind in always:
        token = notices.off_url(1, kind).rstrip("/").rpartition("/")[2]
        assert notices.read_token(token) is None


def test_unsent_mail_of_long_ago_has_no_kind_and_still_leaves(mailoutbox: Any) -> None:
    message = Message.objects.create(
        key="old", to="ann@example.com", subject="s", body="b\n", send_after=now()
    )

    assert outbox.send(message.pk)

    assert "List-Unsubscribe" not in mailoutbox[0].extra_headers
