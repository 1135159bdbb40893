"""What one of the channel team asks for and a second person decides.

Revoking, exempting, and an edition that touches many: whoever asks does not decide,
and what is asked for is done in the decision's transaction, by the rule of its room.
Higher rooms register who performs a kind of request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.outbox import Mail, queue, queue_together
from lms.people.models import Approval, ApprovalOutcome, User

WHY_LENGTH = 500


@dataclass(frozen=True)
class Plan:
    """What a request would do, in words; `url` leads to what it is about.

    `stands` is False where it can be done no more.
    """

    title: str
    text: str
    url: str
    stands: bool = True


@dataclass(frozen=True)
class Performer:
    """How a kind of request is told, and done; by who may (a field of User)."""

    permission: str
    plan: Callable[[Approval], Plan]
    perform: Callable[[Approval], None]


_performers: dict[str, Performer] = {}


def perform_with(kind: str, performer: Performer) -> None:
    """Register who performs a kind of request."""
    _performers[kind] = performer


def plan_of(approval: Approval) -> Plan:
    """What a request would do, as things stand now."""
    return _performers[approval.kind].plan(approval)


def may_decide(approval: Approval, user: User) -> bool:
    """Whether somebody is a second person for it: may do it, and did not ask."""
    permission = _performers[approval.kind].permission
    return (
        user.pk != approval.asked_by_id
        and user.is_active
        and bool(getattr(user, permission))
    )


@transaction.atomic
def ask(
    kind: str, subject: str, words: Mapping[str, Any], *, why: str, by: User
) -> Approval:
    """Ask for a second person, and tell by mail all who can be it.

    `subject` says of what (one request of a kind waits for it at a time); `words` are
    ids and choices that the performer reads. The same request again is the one that
    waits. Raises Refused for who may not do it, while another request waits for the
    same, and where nobody else could decide.
    """
    permission = _performers[kind].permission
    if not (by.is_active and getattr(by, permission)):
        raise Refused(_("You may read this, and not change it."))
    of_this = Approval.objects.waiting().filter(kind=kind, subject=subject)
    if earlier := of_this.first():
        return _the_same(earlier, words, by)
    others = _others(permission, by)
    if not others:
        raise Refused(
            _(
                "This needs a second person, and nobody else of the channel team may do "
                "it. Add a colleague, or give one the permission, under People; "
                "nothing was changed."
            )
        )
    approval = Approval(
        kind=kind,
        subject=subject,
        words=dict(words),
        why=why.strip()[:WHY_LENGTH],
        asked_by=by,
    )
    try:
        with transaction.atomic():
            approval.save()
    except IntegrityError:  # of two asked at once, this is the second
        return _the_same(of_this.get(), words, by)
    record(by, "asked for a second person", approval, kind=kind, subject=subject)
    plan = plan_of(approval)
    queue_together(
        Mail(
            f"approval:{approval.pk}:asked:{person.pk}",
            person,
            "people/email/second_person.txt",
            {"approval": approval, "plan": plan, "url": _page()},
        )
        for person in others
    )
    return approval


def forget(kind: str, subjects: Iterable[str]) -> None:
    """Empty the words of what was asked about these: their person is erased."""
    Approval.objects.filter(kind=kind, subject__in=list(subjects)).update(
        why="", answer=""
    )


def _the_same(earlier: Approval, words: Mapping[str, Any], by: User) -> Approval:
    if (earlier.asked_by_id, earlier.words) == (by.pk, dict(words)):
        return earlier
    raise Refused(
        _(
            "A request about this waits for a second person already. Decide it, or "
            "have it taken back, first."
        )
    )


def _others(permission: str, by: User) -> list[User]:
    may = User.objects.filter(is_active=True, **{permission: True})
    return list(may.exclude(pk=by.pk).order_by("pk"))


def _page() -> str:
    return f"{settings.PUBLIC_URL}{reverse('dashboards:second_person')}"


@transaction.atomic
def decide(
    approval: Approval, granted: bool, *, by: User, answer: str = ""
) -> Approval:
    """Agree, which does it at once, or decline. Deciding again changes nothing.

    Raises Refused for who asked, for who may not do it, and for whatever the rule
    that does it refuses: then the request goes on waiting.
    """
    approval = _locked(approval)
    if approval.decided_at is not None:
        return approval
    if by.pk == approval.asked_by_id:
        raise Refused(_("You asked for this: somebody else has to decide it."))
    if not may_decide(approval, by):
        raise Refused(_("You may read this, and not decide it."))
    plan = plan_of(approval)
    outcome = ApprovalOutcome.GRANTED if granted else ApprovalOutcome.DECLINED
    _close(approval, outcome, by=by, answer=answer)
    if granted:
        _performers[approval.kind].perform(approval)
    queue(
        f"approval:{approval.pk}:decided",
        approval.asked_by,
        "people/email/second_person_decided.txt",
        {"approval": approval, "plan": plan},
    )
    return approval


@transaction.atomic
def take_back(approval: Approval, *, by: User) -> Approval:
    """Take one's own request back. Repeating is safe; what is decided stays so."""
    approval = _locked(approval)
    if by.pk != approval.asked_by_id:
        raise Refused(_("Only whoever asked for this can take it back."))
    if approval.decided_at is None:
        _close(approval, ApprovalOutcome.TAKEN_BACK, by=None, answer="")
    return approval


def _locked(approval: Approval) -> Approval:
    found: Approval = (
        Approval.objects.select_for_update(of=("self",))
        .select_related("asked_by", "decided_by")
        .get(pk=approval.pk)
    )
    return found


def _close(
    approval: Approval, outcome: ApprovalOutcome, *, by: User | None, answer: str
) -> None:
    approval.outcome, approval.decided_by = outcome, by
    approval.decided_at, approval.answer = now(), answer.strip()[:WHY_LENGTH]
    approval.save(update_fields=["outcome", "decided_by", "decided_at", "answer"])
    record(by or approval.asked_by, f"second person: {outcome.value}", approval)
