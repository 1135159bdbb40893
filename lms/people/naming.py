"""Another name: asked for by the person, said yes or no to by ByteKast.

Until then the old one stands. Certificates that are out keep the name they say: the
channel team corrects each by itself.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail.outbox import queue
from lms.people import accounts
from lms.people.models import NameCorrection, User
from lms.people.names import one_line


def asked_by(user: User) -> NameCorrection | None:
    """What somebody has asked for and is not answered; one query."""
    return NameCorrection.objects.open().filter(user=user).first()


@transaction.atomic
def ask(user: User, name: str, why: str) -> NameCorrection:
    """Ask for another name; what was asked before and is open, is asked anew.

    Raises Refused for the name that they have, and without a reason.
    """
    current = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    name = one_line(name)
    if name == current.full_name:
        raise Refused(_("That is your name already. Type the one it should be."))
    if not why.strip():
        raise Refused(_("Say why, in a few words."))
    asked, is_new = NameCorrection.objects.open().update_or_create(
        user=current,
        defaults={"name": name, "why": why.strip(), "asked_at": now()},
    )
    if is_new:
        record(user, "asked for a name", asked, about=user)
    return asked


@transaction.atomic
def withdraw(user: User) -> None:
    """Take back what was asked; repeating is safe."""
    asked = NameCorrection.objects.open().select_for_update().filter(user=user).first()
    if asked is not None:
        asked.withdrawn_at = now()
        asked.save(update_fields=["withdrawn_at"])
        record(user, "asked no longer for a name", asked, about=user)


@transaction.atomic
def approve(asked: NameCorrection, *, by: User) -> None:
    """Give the person that name, and tell them. Raises Refused when it is answered."""
    asked = _lock(asked)
    _decide(asked, True, by=by)
    accounts.rename(asked.user, asked.name, by=by)
    _tell(asked)


@transaction.atomic
def refuse(asked: NameCorrection, *, by: User, answer: str) -> None:
    """Leave the name, and tell the person why.

    Raises Refused without a reason, and when it is answered.
    """
    if not answer.strip():
        raise Refused(_("Say why, in a few words: they read it."))
    asked = _lock(asked)
    _decide(asked, False, by=by, answer=answer.strip())
    _tell(asked)


def _lock(asked: NameCorrection) -> NameCorrection:
    User.objects.select_for_update(no_key=True).get(pk=asked.user_id)
    found = NameCorrection.objects.select_related("user").get(pk=asked.pk)
    if found.decided_at or found.withdrawn_at:
        raise Refused(_("This is answered already, or was taken back."))
    return found


def _decide(
    asked: NameCorrection, is_approved: bool, *, by: User, answer: str = ""
) -> None:
    asked.decided_at, asked.decided_by = now(), by
    asked.is_approved, asked.answer = is_approved, answer
    asked.save(update_fields=["decided_at", "decided_by", "is_approved", "answer"])
    verb = "approved a name" if is_approved else "refused a name"
    record(by, verb, asked, about=asked.user_id)


def _tell(asked: NameCorrection) -> None:
    queue(
        f"name-correction:{asked.pk}",
        asked.user,
        "people/email/name_answered.txt",
        {"asked": asked},
    )
