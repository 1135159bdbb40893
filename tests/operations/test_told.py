"""What does not work is told to the channel team on each of their pages, in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.urls import reverse

from lms.mail import outbox
from lms.mail.models import Message
from lms.operations.models import Heartbeat
from lms.people.accounts import set_channel_team
from tests.factories import MemberFactory, UserFactory
from tests.operations.house import House, MailServer, Visitor, fill, until
from tests.operations.work import is_settled, pass_the_lease

WORDS = {
    "mail": "1 mail does not leave",
    "worker": "No worker runs",
    "disk": "0 % of the disk is free",
}
TOLD_SECONDS = 180  # as the docs say: two looks half a minute apart, and a page


@pytest.mark.skipif("KILLS" not in os.environ, reason="It waits: `make faults`.")
def test_staff_read_what_does_not_work_until_it_is_mended(
    build: Callable[..., House], mail_server: MailServer, disk: Path
) -> None:
    """Mail is refused, the worker killed, the disk of the files full, all at once."""
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    mail_server.refuses = True
    house = build(folder=disk, EMAIL_URL=mail_server.url)
    house.start()
    member, team = (Visitor(house.url, who) for who in (MemberFactory().user, staff))

    def told() -> set[str]:
        page = team.get(reverse("dashboards:search")).text
        return {name for name, words in WORDS.items() if words in page}

    assert told() == set()
    outbox.queue_text("one", MemberFactory().user, "Hello", "You.")
    until(lambda: Message.objects.exclude(error="").exists(), "it was tried")
    house.kill("worker")
    Heartbeat.objects.filter(name="worker").update(at=F("at") - timedelta(minutes=3))
    fill(disk)
    told_after = until(lambda: told() == set(WORDS), "staff are told", TOLD_SECONDS)
    page = member.get(reverse("dashboards:my")).text
    assert not any(words in page for words in WORDS.values())

    (disk / "filling").unlink()
    mail_server.refuses = False
    house.start("worker")
    pass_the_lease()
    until(is_settled, "it is sent")
    gone_after = until(lambda: told() == set(), "nothing is told", TOLD_SECONDS)

    print(
        f"\nStaff were told after {told_after:.0f} s, no more after {gone_after:.0f}."
    )
    assert len(mail_server.taken) == 1
