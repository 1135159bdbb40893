"""How long things are kept, and their end: each rule counts before it acts.

Periods are settings; 0 keeps for ever. The clock applies the rules once a day, a few
rows at a time; `manage.py retention --dry-run` says what they would do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from courses.models import Enrolment
from lms.errors import Refused
from lms.mail.forgetting import forget_mail
from lms.mail.models import Message
from lms.mail.outbox import queue
from lms.mail.times import on_day
from lms.people.models import Invitation, Member, User
from lms.privacy.erasing import erase, lock
from lms.privacy.models import Erasure
from sessions.models import (
    BoardTopic,
    Booking,
    BookingTopic,
    CallBoard,
    CallFeedback,
    CallMessage,
    Dispute,
    TimeRequest,
)

AT_ONCE = 500
NOTICE = timedelta(days=30)  # from the word that a record ends to its end


@dataclass(frozen=True)
class Rule:
    """What ends when: `due` finds what is older than an instant, `end` ends some.

    `end` is given keys and looks again under its lock; it returns how many it ended. `is_inner` is a step of another.
    """

    name: str
    what: str | Promise
    setting: str
    due: Callable[[datetime], QuerySet[Any]]
    end: Callable[[Sequence[int]], int]
    sooner: timedelta = timedelta()
    is_inner: bool = False

    @property
    def days(self) -> int:
        """For how many days it is kept; 0: for ever."""
        days: int = getattr(settings, self.setting)
        return days

    @property
    def kept(self) -> str:
        """For how long, in words."""
        if not self.days:
            return _("for ever")
        if self.days >= 2 * 365:
            years = round(self.days / 365.25)
            return ngettext("%(n)d year", "%(n)d years", years) % {"n": years}
        if self.days >= 2 * 30:
            months = round(self.days / 30.44)
            return ngettext("%(n)d month", "%(n)d months", months) % {"n": months}
        return ngettext("%(n)d day", "%(n)d days", self.days) % {"n": self.days}

    def found(self) -> QuerySet[Any]:
        """What is over now."""
        before = now() - timedelta(days=self.days) + self.sooner
        return self.due(before) if self.days else self.due(before).none()


def apply() -> dict[str, int]:
    """End all that is over, each few in a transaction of their own; count by rule.

    Doing it twice, or by two at once, changes nothing more.
    """
    return {rule.name: _apply(rule) for rule in RULES}


def _apply(rule: Rule) -> int:
    ended, last = 0, 0
    while keys := list(
        rule.found()
        .filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", flat=True)[:AT_ONCE]
    ):
        with transaction.atomic():
            ended += rule.end(keys)
        last = keys[-1]
    return ended


# --- Words ------------------------------------------------------------------------


def _old_mail(before: datetime) -> QuerySet[Message]:
    is_over = Q(sent_at__isnull=False) | Q(dropped_at__isnull=False)
    is_over |= Q(expires_at__lt=before)
    old = Message.objects.filter(is_over, created_at__lt=before)
    return old.exclude(to="", subject="", body="")


def _empty_mail(keys: Sequence[int]) -> int:
    return forget_mail(Q(pk__in=keys))


def _old_notes(before: datetime) -> QuerySet[BookingTopic]:
    return BookingTopic.objects.filter(booking__ends_at__lt=before).exclude(
        note="", private_note=""
    )


def _empty_notes(keys: Sequence[int]) -> int:
    return BookingTopic.objects.filter(pk__in=keys).update(note="", private_note="")


def _old_messages(before: datetime) -> QuerySet[CallMessage]:
    return CallMessage.objects.filter(booking__ends_at__lt=before).exclude(text="")


def _empty_messages(keys: Sequence[int]) -> int:
    return CallMessage.objects.filter(pk__in=keys).update(text="")


def _old_guests(before: datetime) -> QuerySet[Booking]:
    return Booking.objects.filter(ends_at__lt=before).exclude(guest_name="")


def _empty_guests(keys: Sequence[int]) -> int:
    return Booking.objects.filter(pk__in=keys).update(guest_name="", guest_role="")


def _old_drafts(before: datetime) -> QuerySet[BoardTopic]:
    return BoardTopic.objects.filter(topic__booking__ends_at__lt=before)


def _drop_drafts(keys: Sequence[int]) -> int:
    return BoardTopic.objects.filter(pk__in=keys).delete()[0]


def _old_questions(before: datetime) -> QuerySet[CallBoard]:
    return CallBoard.objects.filter(booking__ends_at__lt=before).exclude(question="")


def _empty_questions(keys: Sequence[int]) -> int:
    return CallBoard.objects.filter(pk__in=keys).update(question="")


def _old_feedback(before: datetime) -> QuerySet[CallFeedback]:
    return CallFeedback.objects.filter(created_at__lt=before).exclude(missing="")


def _empty_feedback(keys: Sequence[int]) -> int:
    return CallFeedback.objects.filter(pk__in=keys).update(missing="")


def _old_disputes(before: datetime) -> QuerySet[Dispute]:
    return Dispute.objects.filter(settled_at__lt=before).exclude(text="", answer="")


def _empty_disputes(keys: Sequence[int]) -> int:
    return Dispute.objects.filter(pk__in=keys).update(text="", answer="")


def _old_wishes(before: datetime) -> QuerySet[TimeRequest]:
    return TimeRequest.objects.filter(closed_at__lt=before).exclude(note="")


def _empty_wishes(keys: Sequence[int]) -> int:
    return TimeRequest.objects.filter(pk__in=keys).update(note="")


# --- Invitations and sign-ins ---------------------------------------------------------

_NOBODY = "@example.invalid"


def _old_invitations(before: datetime) -> QuerySet[Invitation]:
    is_over = Q(accepted_at__lt=before) | Q(withdrawn_at__lt=before)
    is_over |= Q(expires_at__lt=before)
    return Invitation.objects.filter(is_over).exclude(email__endswith=_NOBODY)


def _empty_invitations(keys: Sequence[int]) -> int:
    for key in keys:  # each its own: two may wait in one company
        Invitation.objects.filter(pk=key).update(
            email=f"invitation-{key}{_NOBODY}", full_name=""
        )
    return len(keys)


# --- People ---------------------------------------------------------------------------


def _gone(before: datetime) -> QuerySet[User]:
    """Who left their last company and signed in before then, and is not qualified."""
    own = Member.objects.filter(user=OuterRef("pk"))
    here = own.filter(Q(left_on=None) | Q(left_on__gte=before.date()))
    valid = Enrolment.objects.filter(
        member__user=OuterRef("pk"),
        annulled_at=None,
        completed_at__isnull=False,
        valid_until__gt=now().date(),
    )
    erased = Erasure.objects.filter(person=OuterRef("pk"), done_at__isnull=False)
    gone: QuerySet[User] = User.objects.filter(
        Exists(own),
        ~Exists(here),
        ~Exists(valid),
        ~Exists(erased),
        Q(last_login=None) | Q(last_login__lt=before),
        Q(trainer=None) | Q(trainer__is_active=False),
        is_staff=False,
        joined_at__lt=before,
    )
    return gone


def _not_told(before: datetime) -> QuerySet[User]:
    asked = Erasure.objects.filter(person=OuterRef("pk"), refused_at=None)
    return _gone(before).filter(~Exists(asked))


def _tell(keys: Sequence[int]) -> int:
    """Say by mail that their record ends in a month, unless they sign in."""
    told = 0
    for person in User.objects.filter(pk__in=keys):
        lock(person)
        erasure, is_new = Erasure.objects.get_or_create(
            person=person, refused_at=None, defaults={"is_ours": True}
        )
        if is_new:
            words = {"day": on_day((erasure.asked_at + NOTICE).date())}
            queue(f"erasure:{erasure.pk}:soon", person, "privacy/email/soon.txt", words)
            told += 1
    return told


def _told_in_time(before: datetime) -> QuerySet[User]:
    told = Erasure.objects.filter(
        person=OuterRef("pk"), is_ours=True, asked_at__lte=now() - NOTICE
    )
    return _gone(before).filter(Exists(told))


def _erase(keys: Sequence[int]) -> int:
    ended = 0
    for person in User.objects.filter(pk__in=keys):
        try:
            erase(person, by=None)
        except Refused:  # they came back a moment ago
            continue
        ended += 1
    return ended


def _back_again(_before: datetime) -> QuerySet[Erasure]:
    """Whose record was about to end, and who has signed in or joined since."""
    gone = _gone(now() - timedelta(days=settings.KEEP_RECORDS_DAYS) + NOTICE)
    return Erasure.objects.filter(is_ours=True, done_at=None, refused_at=None).exclude(
        person__in=gone
    )


def _keep(keys: Sequence[int]) -> int:
    return Erasure.objects.filter(pk__in=keys, done_at=None).delete()[0]


RULES = [
    Rule(
        "mail",
        gettext_lazy("The words of mail that was sent"),
        "KEEP_MAIL_DAYS",
        _old_mail,
        _empty_mail,
    ),
    Rule(
        "notes",
        gettext_lazy("Trainers' notes on a call, after it"),
        "KEEP_NOTES_DAYS",
        _old_notes,
        _empty_notes,
    ),
    Rule(
        "messages",
        gettext_lazy("What the two of a call wrote to each other in it"),
        "KEEP_NOTES_DAYS",
        _old_messages,
        _empty_messages,
    ),
    Rule(
        "guests",
        gettext_lazy("The name of an interpreter or another guest of a call"),
        "KEEP_NOTES_DAYS",
        _old_guests,
        _empty_guests,
    ),
    Rule(
        "drafts",
        gettext_lazy("What was typed in a call that nobody signed off"),
        "KEEP_NOTES_DAYS",
        _old_drafts,
        _drop_drafts,
    ),
    Rule(
        "questions",
        gettext_lazy("What somebody wanted to ask in a call, after it"),
        "KEEP_NOTES_DAYS",
        _old_questions,
        _empty_questions,
    ),
    Rule(
        "feedback",
        gettext_lazy("What somebody missed in a call; the numbers stay"),
        "KEEP_NOTES_DAYS",
        _old_feedback,
        _empty_feedback,
    ),
    Rule(
        "disputes",
        gettext_lazy("What was said about a missed call, once it was settled"),
        "KEEP_NOTES_DAYS",
        _old_disputes,
        _empty_disputes,
    ),
    Rule(
        "wishes",
        gettext_lazy("The line with which somebody asked for a time"),
        "KEEP_NOTES_DAYS",
        _old_wishes,
        _empty_wishes,
    ),
    Rule(
        "invitations",
        gettext_lazy("The name and address of an invitation that is over"),
        "KEEP_INVITATIONS_DAYS",
        _old_invitations,
        _empty_invitations,
    ),
    Rule(
        "back",
        gettext_lazy("The word that a record ends, of somebody who came back"),
        "KEEP_RECORDS_DAYS",
        _back_again,
        _keep,
        is_inner=True,
    ),
    Rule(
        "told",
        gettext_lazy("Who is told a month before that their record ends"),
        "KEEP_RECORDS_DAYS",
        _not_told,
        _tell,
        sooner=NOTICE,
        is_inner=True,
    ),
    Rule(
        "records",
        gettext_lazy("People who left their last company and have not signed in since"),
        "KEEP_RECORDS_DAYS",
        _told_in_time,
        _erase,
    ),
]
