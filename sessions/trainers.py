"""Who is a trainer, and the rules of their calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from schedule.models import Calendar

from courses.models import ProgrammePage
from lms.audit.log import record
from lms.errors import Refused
from lms.people import accounts
from lms.people.models import User
from lms.people.names import person_at
from sessions.hours import (
    RULES,
    ZONE_NAMES,
    Window,
    require_rules,
    set_weekly_hours,
    set_zone,
)
from sessions.models import RoomKind, Trainer
from sessions.room_links import require_room_url


@transaction.atomic
def add_trainer(
    email: str,
    full_name: str,
    *,
    programmes: Iterable[ProgrammePage],
    time_zone: str,
    room_kind: RoomKind,
    room_url: str,
    hours: Sequence[Window],
    by: User,
) -> Trainer:
    """Make a trainer of the person at the address, with these weekly hours.

    Somebody new gets a login and the link to it; one who has a login keeps its name.
    Raises Refused for one who is a trainer, and as `make_trainer` does.
    """
    person = person_at(email)
    if person is None:
        person = accounts.make_person(email, full_name, time_zone=time_zone, by=by)
        accounts.send_welcome(person)
    elif Trainer.objects.filter(user=person).exists():
        raise Refused(_("This person is a trainer. Change them in the list."))
    trainer = make_trainer(
        person,
        programmes=programmes,
        time_zone=time_zone,
        room_kind=room_kind,
        room_url=room_url,
        by=by,
    )
    set_weekly_hours(trainer, hours, by=by)
    return trainer


@transaction.atomic
def make_trainer(
    user: User,
    *,
    programmes: Iterable[ProgrammePage],
    time_zone: str,
    room_kind: RoomKind,
    room_url: str,
    by: User | None,
) -> Trainer:
    """Let somebody hold calls on these programmes; again changes what is said anew.

    `room_url` is the outside link; empty for none yet. Raises Refused for an unknown
    zone and as `require_room_url` does. Hours are set apart.
    """
    if time_zone not in ZONE_NAMES:
        raise Refused(_("There is no such time zone. Choose one from the list."))
    require_room_url(room_url)

    trainer = Trainer.objects.select_for_update().filter(user=user).first()
    if trainer is None:
        trainer = Trainer.objects.create(
            user=user,
            time_zone=time_zone,
            languages=[user.language[:2]],
            room_kind=room_kind,
            room_url=room_url,
            **{
                kind: Calendar.objects.create(
                    name=f"{kind} {user.pk}", slug=f"trainer-{user.pk}-{kind}"
                )
                for kind in ("hours", "off", "extra")
            },
        )
    else:
        set_zone(trainer, time_zone, by=by)
        trainer.room_kind = room_kind
        trainer.room_url = room_url
        trainer.is_active = True
        trainer.save(update_fields=["room_kind", "room_url", "is_active"])
    trainer.programmes.set(programmes)
    record(by, "make_trainer", trainer, user=user.pk)
    return trainer


@transaction.atomic
def set_room(trainer: Trainer, kind: RoomKind, room_url: str, *, by: User) -> None:
    """Choose where a trainer holds calls; those booked follow, but for own choices.

    Raises Refused for the outside link without an address, and for a bad one.
    """
    require_room_url(room_url)
    if kind == RoomKind.LINK and not room_url:
        raise Refused(_("Add the link: people are sent there."))
    trainer.room_kind = kind
    trainer.room_url = room_url
    trainer.save(update_fields=["room_kind", "room_url"])
    record(by, "set_room", trainer, kind=kind)


@transaction.atomic
def change_trainer(
    trainer: Trainer,
    *,
    programmes: Iterable[ProgrammePage],
    time_zone: str,
    room_kind: RoomKind,
    room_url: str,
    hours: Sequence[Window],
    rules: Mapping[str, Any],
    by: User,
) -> Trainer:
    """Change a trainer; `rules` are fields of the record, such as its rest and caps.

    Calls that are booked stay. Raises Refused as `make_trainer` does, and for rules
    that contradict each other.
    """
    trainer = make_trainer(
        trainer.user,
        programmes=programmes,
        time_zone=time_zone,
        room_kind=room_kind,
        room_url=room_url,
        by=by,
    )
    set_weekly_hours(trainer, hours, by=by)
    for field, value in rules.items():
        setattr(trainer, field, value)
    require_rules(**{field: getattr(trainer, field) for field in RULES})
    trainer.save(update_fields=list(rules))
    record(by, "changed", trainer, fields=list(rules))
    return trainer
