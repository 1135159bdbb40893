"""Whom to tell of a hole, as RFC 9116 wants it written."""

from datetime import UTC, datetime

import time_machine
from django.test import Client

ADDRESS = "/.well-known/security.txt"


def asked() -> list[str]:
    answer = Client().get(ADDRESS)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    return answer.content.decode().splitlines()


@time_machine.travel(datetime(2026, 11, 23, 14, 30, tzinfo=UTC))
def test_it_names_the_contact_and_how_long_that_holds(settings):
    settings.PUBLIC_URL = "https://q.example.com"
    settings.SECURITY_CONTACT = "https://example.com/security"

    assert asked() == [
        "Contact: https://example.com/security",
        "Expires: 2027-02-21T00:00:00Z",
        "Preferred-Languages: en",
        "Canonical: https://q.example.com/.well-known/security.txt",
    ]


def test_without_a_contact_the_sender_of_all_mail_is_told(settings):
    settings.MAIL_FROM = "Training <training@q.example.com>"
    settings.SECURITY_CONTACT = ""

    assert asked()[0] == "Contact: mailto:training@q.example.com"
