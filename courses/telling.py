"""What people are told by mail about the programmes they are in, or asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

from content.contact import channel_team
from courses.models import Enrolment, Evidence, ProgrammeRequest, Transfer
from lms.mail.outbox import queue
from lms.people.managers import managers_of

if TYPE_CHECKING:
    from lms.people.models import Member, User


def tell_added(enrolment: Enrolment, *, by: User) -> None:
    """Tell somebody that they are in a programme now, by whom, and until when."""
    if by.pk == enrolment.member.user_id:
        return
    queue(
        f"enrolment:{enrolment.pk}:added",
        enrolment.member.user,
        "courses/email/added.txt",
        {"enrolment": enrolment, "by": by, "page_url": _page(enrolment)},
    )


def tell_removed(enrolment: Enrolment, *, by: User, why: str) -> None:
    """Tell somebody that they are no longer in a programme, and why."""
    if by.pk == enrolment.member.user_id:
        return
    queue(
        f"enrolment:{enrolment.pk}:removed",
        enrolment.member.user,
        "courses/email/removed.txt",
        {"enrolment": enrolment, "by": by, "why": why},
    )


def tell_asked(asked: ProgrammeRequest) -> None:
    """Ask the nearest managers for an answer; the channel team where there is none."""
    managers = managers_of(asked.member)
    team = f"{settings.PUBLIC_URL}{reverse('dashboards:team')}"
    standing = f"{settings.PUBLIC_URL}{reverse('dashboards:requests')}"
    people: list[User | str] = [*managers] or channel_team()
    for number, person in enumerate(people):
        queue(
            f"programme-request:{asked.pk}:asked:{number}",
            person,
            "courses/email/asked.txt",
            {"asked": asked, "answer_url": team if managers else standing},
        )


def tell_declined(asked: ProgrammeRequest) -> None:
    """Tell whoever asked that it is a no, and why."""
    queue(
        f"programme-request:{asked.pk}:declined",
        asked.member.user,
        "courses/email/declined.txt",
        {"asked": asked},
    )


def tell_exempted(enrolment: Enrolment, exemptions: Iterable[Evidence]) -> None:
    """Tell somebody which topics they need not do; the reason is not for them."""
    exemptions = list(exemptions)
    titles = dict(enrolment.edition.topics.values_list("topic_id", "title"))
    queue(
        f"enrolment:{enrolment.pk}:exempted:{exemptions[0].pk}",
        enrolment.member.user,
        "courses/email/exempted.txt",
        {
            "enrolment": enrolment,
            "topics": [titles[each.topic_id] for each in exemptions],
            "page_url": _page(enrolment),
        },
    )


def tell_transfers(member: Member, earned: list[Enrolment]) -> None:
    """Tell somebody that ByteKast looks at what they had earned elsewhere."""
    queue(
        f"member:{member.pk}:transfers:{earned[0].pk}",
        member.user,
        "courses/email/transfers.txt",
        {"member": member, "titles": [each.edition.title for each in earned]},
    )


def tell_transfer(transfer: Transfer, successor: Enrolment | None) -> None:
    """Tell the person and the managers whether it counts, and if not, why."""
    member = transfer.member
    for person in [member.user, *managers_of(member)]:
        queue(
            f"transfer:{transfer.pk}:{person.pk}",
            person,
            "courses/email/transfer.txt",
            {
                "transfer": transfer,
                "successor": successor,
                "is_own": person == member.user,
                "page_url": _page(transfer.enrolment),
            },
        )


def _page(enrolment: Enrolment) -> str:
    return f"{settings.PUBLIC_URL}{enrolment.programme.url or '/my/'}"
