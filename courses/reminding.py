"""Reminding people of what is open: by a manager, by ByteKast, by the clock.

All of it is a nudge: one in three days. The mail is written as it leaves, of what is
open then; who has done it meanwhile gets none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from courses.models import Enrolment, EnrolmentQuerySet
from courses.progress import progress_of
from lms.mail.kinds import DUE_SOON, OVERDUE, REMINDER
from lms.mail.models import Message
from lms.mail.outbox import Words, add_writer, words_of
from lms.people.models import Member, MemberQuerySet, User
from lms.people.nudging import Ask, Nudged, nudge, nudge_of

REMINDER_WRITER = "reminder"
TEMPLATES = {
    kind.key: f"courses/email/{name}.txt"
    for kind, name in (
        (REMINDER, "reminder"),
        (DUE_SOON, "due_soon"),
        (OVERDUE, "overdue"),
    )
}


def late(members: MemberQuerySet) -> EnrolmentQuerySet:
    """What is open past its due date, of these members who are still there."""
    return Enrolment.objects.open().filter(
        due_on__lt=now().date(), member__in=members.live()
    )


def remind(members: MemberQuerySet, *, by: User) -> Nudged:
    """Remind these members of all that is open for them; see `nudge`."""
    people = set(members.order_by().values_list("user", "pk"))
    has_open = set(
        Enrolment.objects.open()
        .filter(member__in=members.order_by().values("pk"))
        .order_by()
        .values_list("member", flat=True)
    )
    asked = [Ask(user, pk, pk) for user, pk in people if pk in has_open]
    done = {user for user, _pk in people} - {each.person for each in asked}
    told = nudge(asked, REMINDER, writer=REMINDER_WRITER, by=by)
    return told + Nudged(done=len(done - {by.pk}))


def remind_late(members: MemberQuerySet, *, by: User) -> Nudged:
    """Remind those of the members who are late; see `nudge`."""
    asked = late(members).order_by().values_list("member__user", "member").distinct()
    return nudge(
        (Ask(user, pk, pk) for user, pk in asked),
        REMINDER,
        writer=REMINDER_WRITER,
        by=by,
    )


def write(message: Message) -> Words | None:
    """Write a reminder as it leaves; None where it would not be true any more."""
    nudge = nudge_of(message)
    if nudge is None or message.recipient is None:
        return None
    lines = _lines(nudge.about)
    if not lines or not _holds(nudge.kind, lines[0]):
        return None
    words: dict[str, Any] = {
        "lines": lines,
        "by": nudge.by_name,
        "my_url": f"{settings.PUBLIC_URL}/my/",
    }
    return words_of(TEMPLATES[nudge.kind], words, message.recipient)


def _holds(kind: str, soonest: Mapping[str, Any]) -> bool:
    """Whether what is due soonest is still due as the kind of notice says."""
    if kind == OVERDUE.key:
        return bool(soonest["is_overdue"])
    return kind != DUE_SOON.key or soonest["due_on"] is not None


def _lines(members: Collection[int]) -> list[Mapping[str, Any]]:
    """What is open for these members, the soonest due date first."""
    rows = (
        Enrolment.objects.open()
        .filter(member__in=Member.objects.present().filter(pk__in=members))
        .select_related("edition", "programme", "member__reseller")
    )
    enrolments = sorted(rows, key=lambda row: (row.due_on is None, row.due_on, row.pk))
    progress = progress_of(enrolments)
    return [
        {
            "title": row.edition.title,
            "due_on": row.due_on,
            "is_overdue": row.is_overdue,
            "done": progress[row.pk].done,
            "required": progress[row.pk].required,
            "url": f"{settings.PUBLIC_URL}{row.programme.url or '/my/'}",
        }
        for row in enrolments
    ]


add_writer(REMINDER_WRITER, write)
