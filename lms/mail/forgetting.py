"""Taking the words out of mail: when its time is up, or a person is erased."""

from __future__ import annotations

import re

from django.db.models import Q
from django.utils.timezone import now

from lms.mail.models import Message

AT_ONCE = 500


def forget_mail(which: Q) -> int:
    """Empty these messages, and send none of them any more; return how many.

    That there was one, for what and when, stays.
    """
    found = Message.objects.filter(which).exclude(to="", subject="", body="")
    found.filter(sent_at=None, dropped_at=None).update(dropped_at=now())
    return found.update(to="", subject="", body="", attachments=[], error="")


def forget_mail_that_names(*words: str) -> int:
    """Empty what was sent to others and has one of these in it; return how many.

    As words of their own: of somebody called Li, mail with a link stays.
    """
    names = [word for word in words if word]
    if not names:
        return 0
    holds = Q()
    for name in names:
        holds |= Q(subject__contains=name) | Q(body__contains=name)
    whole = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, names))})(?!\w)")
    is_over = Q(sent_at__isnull=False) | Q(dropped_at__isnull=False)
    found = Message.objects.filter(holds, is_over)
    named = [
        pk
        for pk, subject, body in found.values_list("pk", "subject", "body").iterator()
        if whole.search(f"{subject}\n{body}")
    ]
    return sum(
        forget_mail(Q(pk__in=named[at : at + AT_ONCE]))
        for at in range(0, len(named), AT_ONCE)
    )
