"""Taking the words out of mail: when its time is up, or a person is erased."""

from __future__ import annotations

from django.db.models import Q
from django.utils.timezone import now

from lms.mail.models import Message


def forget_mail(which: Q) -> int:
    """Empty these messages, and send none of them any more; return how many.

    That there was one, for what and when, stays.
    """
    found = Message.objects.filter(which).exclude(to="", subject="", body="")
    found.filter(sent_at=None, dropped_at=None).update(dropped_at=now())
    return found.update(to="", subject="", body="", attachments=[], error="")


def forget_mail_that_names(*words: str) -> int:
    """Empty what was sent to others and has one of these in it; return how many."""
    names = Q()
    for word in filter(None, words):
        names |= Q(subject__contains=word) | Q(body__contains=word)
    if not names:
        return 0
    return forget_mail(names & (Q(sent_at__isnull=False) | Q(dropped_at__isnull=False)))
