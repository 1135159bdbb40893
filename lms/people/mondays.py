"""Whose Monday morning it is: managers who are to read of their week."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from lms.mail.kinds import Kind
from lms.mail.models import Message, NoticeOff
from lms.people.models import Member, MemberQuerySet, Reseller

MORNING = time(8)
GOOD_FOR = timedelta(days=2)  # a clock that stood still on Monday makes up for it
_PREFIX = "digest:"


def week_of(zone: ZoneInfo, at: datetime) -> date | None:
    """The Monday whose mail is due in a zone at an instant; None if none is."""
    local = at.astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    morning = datetime.combine(monday, MORNING, tzinfo=zone)
    return monday if morning <= local < morning + GOOD_FOR else None


def week_key(member: Member, monday: date) -> str:
    """The key of the mail to a manager, as `waiting` asks for it."""
    return f"{_PREFIX}{member.pk}:{monday}"


def waiting(at: datetime, kind: Kind) -> MemberQuerySet:
    """Managers who are there, did not turn it off, and have no mail of this week yet.

    Two queries: one for the zones, of which there are few. Where it is due at once, it
    is the same Monday in all of them.
    """
    managers = Member.objects.present().filter(
        is_manager=True,
        user__is_active=True,
        reseller__in=Reseller.objects.live(),
    )
    zones = set(managers.order_by().values_list("user__time_zone", flat=True))
    weeks = {zone: week_of(ZoneInfo(zone), at) for zone in zones}
    due = {zone: monday for zone, monday in weeks.items() if monday}
    off = NoticeOff.objects.filter(person=OuterRef("user"), kind=kind.key)
    key = Concat(
        Value(_PREFIX),
        Cast("pk", CharField()),
        Value(f":{max(due.values(), default=None)}"),
        output_field=CharField(),
    )
    told = Message.objects.filter(key=OuterRef("key"))
    return (
        managers.filter(~Exists(off), user__time_zone__in=due)
        .annotate(key=key)
        .filter(~Exists(told))
        .select_related("user", "reseller")
        .order_by("pk")
    )
