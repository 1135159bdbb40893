"""What the doctor says of mail and certificates; and a mail that comes back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail as sent
from django.core.management import call_command

from certificates import standstill
from certificates.models import CertificateState
from lms.mail import outbox
from lms.mail.models import Message
from lms.operations.findings import Level
from lms.operations.mailing import (
    LONGEST_RETURN,
    LONGEST_WAIT,
    look_at_certificates,
    look_at_mail,
    look_at_round_trip,
    send_test_mail,
)
from lms.operations.models import TestMail
from tests.factories import CertificateFactory, MessageFactory

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock():
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def message(**fields):
    return MessageFactory(**{"created_at": AT, "send_after": AT} | fields)


def test_mail_that_waits_is_well_for_ten_minutes(clock, django_assert_num_queries):
    message()
    message(send_after=AT + timedelta(days=1))  # for tomorrow
    message(sent_at=AT)
    message(dropped_at=AT)
    message(expires_at=AT + timedelta(minutes=1))
    clock.shift(LONGEST_WAIT)
    with django_assert_num_queries(1):
        found = look_at_mail()
    assert found.words == "1 mail has waited for 10 minutes."
    assert found.level is Level.OK

    clock.shift(timedelta(seconds=1))

    assert look_at_mail().level is Level.BAD


def test_mail_that_fails_is_told_and_a_wrong_address_is_not(clock):
    message(tries=3, error="SMTPRecipientsRefused", send_after=AT + timedelta(days=1))
    assert look_at_mail().words == "No mail waits."

    message(tries=1, error="ConnectionRefusedError", send_after=AT + timedelta(hours=1))
    clock.shift(timedelta(minutes=3))

    found = look_at_mail()
    assert found.level is Level.BAD
    assert found.words == (
        "1 mail does not leave, written 3 minutes ago: each try fails."
    )


def test_certificates_that_wait_are_told_and_why(clock, django_assert_num_queries):
    assert look_at_certificates().words == "No certificate waits for its file."

    CertificateFactory(state=CertificateState.PENDING)
    clock.shift(LONGEST_WAIT + timedelta(seconds=1))
    with django_assert_num_queries(2):
        found = look_at_certificates()
    assert found.level is Level.WARN
    assert "1 certificate has waited for its file" in found.words

    standstill.begin(standstill.STORAGE, "The disk is full.")
    found = look_at_certificates()
    assert found.level is Level.BAD
    assert found.words.endswith("The disk is full.")


def test_a_test_mail_comes_back_by_its_link(clock, client):
    assert look_at_round_trip().level is Level.WARN
    with pytest.raises(SystemExit):
        call_command("doctor", "--mail", "keeper@example.com", "--only", "web")
    assert look_at_round_trip().words == "A test mail is under way."

    outbox.send_due()
    [mail] = sent.outbox
    link = re.search(r"http://\S+(/mail-came/\S+)", mail.body)[1]
    assert "Yes, it came" in client.get(link).text
    assert TestMail.objects.get().came_at is None  # reading is not saying
    clock.shift(timedelta(minutes=2))
    client.post(link)
    client.post(link)

    assert "Thank you" in client.get(link).text
    assert look_at_round_trip().words == (
        "The last test mail came back 0 seconds ago, 2 minutes after it was sent."
    )
    assert Message.objects.get().body == ""  # the link opens by itself


def test_a_test_mail_that_stays_away_is_told(clock):
    send_test_mail("keeper@example.com")
    clock.shift(LONGEST_RETURN)
    assert look_at_round_trip().level is Level.OK

    clock.shift(timedelta(seconds=1))

    assert look_at_round_trip().level is Level.WARN
