"""Which kinds of mail somebody turned off, and the link that does it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from lms.audit.log import record
from lms.mail.kinds import BY_KEY, Kind
from lms.mail.models import NoticeOff

if TYPE_CHECKING:
    from lms.people.models import User

_SIGNER = "lms.mail.notices"


def is_off(person: User, kind: Kind) -> bool:
    """Whether somebody turned it off; one query, none for what cannot be."""
    rows = NoticeOff.objects.filter(person=person, kind=kind.key)
    return kind.may_be_off and rows.exists()


def off_among(asked: Iterable[tuple[int, Kind]]) -> set[tuple[int, str]]:
    """Of people's keys with a kind: those who turned it off; one query or none."""
    pairs = {(person, kind.key) for person, kind in asked if kind.may_be_off}
    if not pairs:
        return set()
    rows = NoticeOff.objects.filter(
        person__in={person for person, _kind in pairs},
        kind__in={kind for _person, kind in pairs},
    )
    return pairs & set(rows.values_list("person", "kind"))


def off_for(person: User) -> set[str]:
    """The keys of all kinds that somebody turned off."""
    return set(NoticeOff.objects.filter(person=person).values_list("kind", flat=True))


@transaction.atomic
def turn_off(person: User, kind: Kind) -> None:
    """Send somebody no such mail from now on; repeating is safe."""
    if not kind.may_be_off:
        return
    _row, is_new = NoticeOff.objects.get_or_create(person=person, kind=kind.key)
    if is_new:
        record(person, "turned a notice off", person, notice=kind.key)


@transaction.atomic
def turn_on(person: User, kind: Kind) -> None:
    """Send somebody such mail again; repeating is safe."""
    gone, _each = NoticeOff.objects.filter(person=person, kind=kind.key).delete()
    if gone:
        record(person, "turned a notice on", person, notice=kind.key)


# --- The link at the foot ----------------------------------------------------------


class Choice(NamedTuple):
    """Whose choice a link is for, and about what."""

    person_pk: int
    kind: Kind


def off_url(person_pk: int, kind: Kind) -> str:
    """The page that turns it off for this person, signed in or not; it never ends."""
    token = signing.Signer(salt=_SIGNER).sign(f"{person_pk}-{kind.key}")
    return settings.PUBLIC_URL + reverse("people:notice_off", args=[token])


def read_token(token: str) -> Choice | None:
    """What a link is for; None when it is not of ours."""
    try:
        words = signing.Signer(salt=_SIGNER).unsign(token)
    except signing.BadSignature:
        return None
    person, _dash, key = words.partition("-")
    kind = BY_KEY.get(key)
    return Choice(int(person), kind) if kind and kind.may_be_off else None
