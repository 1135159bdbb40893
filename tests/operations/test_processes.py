"""Whether the processes of the Procfile serve as they are started."""

from __future__ import annotations

from pathlib import Path

from django.urls import reverse

from lms.mail import outbox
from lms.mail.models import Message
from tests.factories import EnrolmentFactory
from tests.operations.house import House, MailServer, Visitor, until


def test_processes_serve_work_and_end_without_a_trace(
    build, mail_server: MailServer
) -> None:
    """A page for who signed in, a mail that the worker sent; then nobody is left."""
    house: House = build(EMAIL_URL=mail_server.url)
    enrolment = EnrolmentFactory()
    house.start()

    page = Visitor(house.url, enrolment.member.user).get(reverse("dashboards:my"))
    assert (page.status, enrolment.member.user.full_name in page.text) == (200, True)
    message = outbox.queue_text("a", enrolment.member.user, "Hello", "You.")
    until(lambda: Message.objects.get(pk=message.pk).sent_at, "the worker sends")

    assert [str(each["Subject"]) for each in mail_server.taken] == ["Hello"]
    groups = {program.process.pid for program in house.programs.values()}
    house.close()
    assert [
        each for each in Path("/proc").glob("[0-9]*") if _group(each) in groups
    ] == []


def _group(process: Path) -> int:
    """The group of a process that lives: 0 for one that is dead, and not yet buried."""
    try:
        state, _parent, group = (
            (process / "stat").read_text().rpartition(") ")[2].split()[:3]
        )
    except (OSError, ValueError):
        return 0
    return 0 if state == "Z" else int(group)
