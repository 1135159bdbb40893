"""Who is told that a qualification runs out, and when.

The holder 90, 60, 30 and 7 days before its end, each once; managers read of it in
their digest. All here is safe to repeat: what was told is asked of the outbox.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat
from django.utils.timezone import now

from certificates.models import Certificate
from courses import renewing
from courses.models import Enrolment
from lms.jobs import queued
from lms.mail import outbox
from lms.mail.models import Message
from lms.people.models import Member
from lms.people.nudging import in_the_morning

STEPS = (7, 30, 60, 90)  # days before the end
AT_ONCE = 200  # people; then other jobs have their turn


def running_out(day: date) -> QuerySet[Any]:
    """What ends within 90 days of a day, each with its `step`, `key`, and `told_at`.

    `step` is the latest notice that is due, so that who was not told of the one before
    hears of one end once. Leaves out what is ended or renewed, or renews itself with
    nothing to do, those who are gone, and a notice that was due before the
    qualification began.
    """
    cycles = Enrolment.objects.filter(
        member=OuterRef("enrolment__member"),
        programme=OuterRef("enrolment__programme"),
        cycle__gt=OuterRef("enrolment__cycle"),
    )
    until = F("enrolment__valid_until")
    begins = Case(
        *(
            When(
                enrolment__valid_until__lte=day + timedelta(days=step),
                then=ExpressionWrapper(
                    until - timedelta(days=step), output_field=DateTimeField()
                ),
            )
            for step in STEPS
        )
    )
    step = Case(
        *(
            When(
                enrolment__valid_until__lte=day + timedelta(days=step),
                then=Value(str(step)),
            )
            for step in STEPS
        ),
        output_field=CharField(),
    )
    told = Message.objects.filter(key=OuterRef("key"))
    alone = renewing.going_on_alone().order_by().filter(pk=OuterRef("enrolment"))
    return (
        Certificate.objects.standing()
        .released()
        .filter(
            erased_at=None,
            enrolment__completed_at__isnull=False,
            enrolment__annulled_at=None,
            enrolment__valid_until__gt=day,
            enrolment__valid_until__lte=day + timedelta(days=max(STEPS)),
            enrolment__member__in=Member.objects.live(),
            enrolment__member__user__is_active=True,
        )
        .exclude(Exists(cycles.standing().filter(completed_at__isnull=False)))
        .exclude(Exists(alone))
        .alias(begins=begins)
        .filter(enrolment__completed_at__lt=F("begins"))
        .annotate(
            step=step,
            key=Concat(
                Value("expiry:"),  # as `issuing.notices_of` says
                Cast("enrolment_id", CharField()),
                Value(":"),
                step,
                output_field=CharField(),
            ),
            told_at=Subquery(told.values("created_at")[:1]),
            is_renewal_open=Exists(cycles.open()),
        )
        .order_by("enrolment__valid_until", "pk")
    )


def tell_some() -> bool:
    """Tell some holders who are not away; tell whether there may be more."""
    today = now().date()
    waiting = running_out(today).filter(
        told_at=None, enrolment__member__in=Member.objects.present()
    )
    some = list(
        waiting.select_related(
            "enrolment__member__user", "enrolment__edition", "enrolment__programme"
        )[:AT_ONCE]
    )
    soon = renewing.due().filter(pk__in=[each.enrolment_id for each in some])
    renewed = set(soon.values_list("pk", flat=True))  # opened within the hour
    for certificate in some:
        _tell_holder(certificate, today, is_renewed=renewed)
    return len(some) == AT_ONCE


def _tell_holder(certificate: Any, today: date, *, is_renewed: set[int]) -> None:
    enrolment = certificate.enrolment
    user, until = enrolment.member.user, enrolment.valid_until
    outbox.queue(
        certificate.key,
        user,
        "certificates/email/expires.txt",
        {
            "title": enrolment.edition.title,
            "until": until,
            "days": (until - today).days,
            "can_renew": certificate.is_renewal_open or enrolment.pk in is_renewed,
            "programme_url": f"{settings.PUBLIC_URL}{enrolment.programme.url}",
            "certificate_url": f"{settings.PUBLIC_URL}{certificate.get_absolute_url()}",
        },
        send_after=in_the_morning(user),
        expires_at=datetime.combine(until, time(), tzinfo=now().tzinfo),
    )


def carry_on() -> None:
    """Ask the worker to tell whoever is to be told; for the clock."""
    from certificates.tasks import tell_of_ends  # noqa: PLC0415  the task calls back

    if not queued(tell_of_ends):
        tell_of_ends.enqueue()
