"""Who is told that a qualification runs out, and when.

The holder 90, 60, 30 and 7 days before its end, each once; their managers in one mail a
day at most. All here is safe to repeat: what was told is asked of the outbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.timezone import now

from certificates.models import Certificate
from courses import renewing
from courses.models import Enrolment
from lms.jobs import queued
from lms.mail import outbox
from lms.mail.models import Message
from lms.people.models import Member, Reseller, User
from lms.people.nudging import in_the_morning

STEPS = (7, 30, 60, 90)  # days before the end
AT_ONCE = 200  # people; then other jobs have their turn
LOOK_BACK = timedelta(days=7)  # a digest tells no older news
LONGEST_DIGEST = 200  # names; then how many more there are


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
        .exclude(enrolment__in=renewing.going_on_alone().order_by().values("pk"))
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
    """Tell some holders; tell whether there may be more. Then the managers."""
    today = now().date()
    waiting = running_out(today).filter(told_at=None)
    some = list(
        waiting.select_related(
            "enrolment__member__user", "enrolment__edition", "enrolment__programme"
        )[:AT_ONCE]
    )
    soon = renewing.due().filter(pk__in=[each.enrolment_id for each in some])
    renewed = set(soon.values_list("pk", flat=True))  # opened within the hour
    for certificate in some:
        _tell_holder(certificate, today, is_renewed=renewed)
    if len(some) == AT_ONCE:
        return True
    tell_managers(today)
    return False


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


@dataclass(frozen=True)
class Line:
    """Whose qualification in what ends when, for a manager's mail."""

    user_pk: int
    name: str
    reseller: str
    path: str
    title: str
    until: date
    told_at: datetime


def tell_managers(today: date) -> int:
    """Tell each manager of all their people who were told since the last mail.

    One mail a day at most, of everybody in their companies and those below them. Six
    queries, and those of the mails that it writes; returns how many those are.
    """
    lines = _lines_since(today)
    managers = _managers_over({line.path for line in lines})
    last = dict(
        Message.objects.filter(
            recipient__in=managers,
            key__startswith="expiry-digest:",
            created_at__gte=now() - LOOK_BACK,
        )
        .values_list("recipient")
        .annotate(Max("created_at"))
    )
    count = 0
    for user, paths in managers.items():
        since = last.get(user.pk)
        if since and since.date() == today:
            continue
        own = [
            line
            for line in lines
            if line.user_pk != user.pk
            and line.path.startswith(paths)
            and (since is None or line.told_at > since)
        ]
        if own:
            _tell_manager(user, own, today)
            count += 1
    return count


def _lines_since(today: date) -> list[Line]:
    rows = (
        running_out(today)
        .filter(told_at__gte=now() - LOOK_BACK)
        .values_list(
            "enrolment__member__user",
            "enrolment__member__user__full_name",
            "enrolment__member__reseller__name",
            "enrolment__member__reseller__path",
            "enrolment__edition__title",
            "enrolment__valid_until",
            "told_at",
        )
    )
    return [Line(*row) for row in rows]


def _managers_over(paths: Iterable[str]) -> dict[User, tuple[str, ...]]:
    """Managers of the companies and of those above, each with the tops of their trees."""
    step = Reseller.steplen
    above = {
        top
        for path in paths
        for top in accumulate(
            path[start : start + step] for start in range(0, len(path), step)
        )
    }
    found: dict[User, list[str]] = defaultdict(list)
    rows = Member.objects.live().filter(
        Q(user__is_active=True),
        is_manager=True,
        reseller__path__in=above,
        reseller__in=Reseller.objects.live(),
    )
    for member in rows.select_related("user", "reseller").order_by("user", "pk"):
        found[member.user].append(member.reseller.path)
    return {user: tuple(tops) for user, tops in found.items()}


def _tell_manager(user: User, lines: list[Line], today: date) -> None:
    query = "?state=expires-soon"
    outbox.queue(
        f"expiry-digest:{user.pk}:{today.isoformat()}",
        user,
        "certificates/email/expiring.txt",
        {
            "lines": lines[:LONGEST_DIGEST],
            "more": max(0, len(lines) - LONGEST_DIGEST),
            "count": len({line.user_pk for line in lines}),
            "companies": len({line.path for line in lines}) > 1,
            "team_url": f"{settings.PUBLIC_URL}{reverse('dashboards:team')}{query}",
        },
        send_after=in_the_morning(user),
    )


def carry_on() -> None:
    """Ask the worker to tell whoever is to be told; for the clock."""
    from certificates.tasks import tell_of_ends  # noqa: PLC0415  the task calls back

    if not queued(tell_of_ends):
        tell_of_ends.enqueue()
