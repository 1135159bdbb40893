"""Where somebody is signed in, how long a sign-in lasts, and how it ends.

A sign-in ends when it was not used for a while, or, used or not, after its day: sooner
for the channel team. What is asked for by a page itself, such as whether the other side
has come to a call, counts as use.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils.timezone import now

from lms.audit.log import record
from lms.audit.whence import family
from lms.people.access import Access
from lms.people.models import SignIn, SignInQuerySet, User
from lms.people.signals import signed_out
from lms.walls import unscoped

logger = logging.getLogger(__name__)
ROW = "sign_in"
BEGAN = "sign_in_began"
USED = "sign_in_used"
LOOK_AGAIN = timedelta(minutes=5)  # use is written down no more often


class Life(NamedTuple):
    """How long a sign-in lasts unused, and how long at most."""

    idle: timedelta
    most: timedelta


def _rows() -> SignInQuerySet:
    """Sign-ins, of which each question here names whose."""
    return unscoped(SignIn.objects.all(), "asked by the session's own key, or by who")


def life_of(access: Access) -> Life:
    idle, most = settings.SIGN_IN_OF_STAFF if access.is_staff else settings.SIGN_IN
    return Life(idle, most)


def begin(request: HttpRequest, user: User) -> None:
    """Write down that the person has signed in here."""
    session = request.session
    if session.session_key is None:  # emptied: somebody else was signed in here
        session.save()
    at = now()
    begun, _is_new = _rows().update_or_create(  # the same person again keeps the key
        session_key=str(session.session_key),
        defaults={
            "user": user,
            "device": family(request.META.get("HTTP_USER_AGENT", ""))[:80],
            "began_at": at,
            "last_used_at": at,
        },
    )
    session[ROW] = begun.pk
    session[BEGAN] = session[USED] = at.timestamp()


def has_ended(request: HttpRequest, access: Access) -> bool:
    """End the sign-in if its time is over, else note that it is used; no query mostly."""
    session, at = request.session, now()
    if BEGAN not in session:  # of before there were rows
        begin(request, access.user)
        return False
    used, began = _instant(session, USED), _instant(session, BEGAN)
    life = life_of(access)
    if at - used >= life.idle or at - began >= life.most:
        logout(request)
        return True
    if at - used >= LOOK_AGAIN:
        _note_use(request, at)
    return False


def _note_use(request: HttpRequest, at: datetime) -> None:
    """Write down that the sign-in is used, or later: on a full disk pages are read."""
    session, before = request.session, request.session[USED]
    was_modified = session.modified
    session[USED] = at.timestamp()
    try:
        with transaction.atomic():
            session.save()
            _rows().filter(pk=own_row(request)).update(
                session_key=session.session_key, last_used_at=at
            )
    except UpdateError:  # ended meanwhile: Django says so as it saves it
        return
    except OperationalError as error:
        session[USED] = before
        logger.warning("No use of a sign-in was noted: %s", type(error).__name__)
    session.modified = was_modified


def _instant(session: SessionBase, name: str) -> datetime:
    return datetime.fromtimestamp(session[name], tz=now().tzinfo)


def live(sign_ins: SignInQuerySet) -> list[SignIn]:
    """Those whose session is still there."""
    found = list(sign_ins)
    keys = Session.objects.filter(
        session_key__in=[each.session_key for each in found], expire_date__gt=now()
    ).values_list("session_key", flat=True)
    there = set(keys)
    return [each for each in found if each.session_key in there]


@transaction.atomic
def end(sign_ins: SignInQuerySet, *, by: User | None) -> int:
    """Sign out there, at once; tell how many there were."""
    ended = list(sign_ins.select_for_update())
    Session.objects.filter(
        session_key__in=[each.session_key for each in ended]
    ).delete()
    _rows().filter(pk__in=[each.pk for each in ended]).delete()
    for user in {each.user for each in ended}:
        record(by, "ended sign-ins", user, count=len(ended))
        theirs = [each.pk for each in ended if each.user_id == user.pk]
        signed_out.send(User, user=user, sign_ins=theirs)
    return len(ended)


def own_row(request: HttpRequest) -> int:
    """The key of the row of the sign-in that asks; 0, of no row, where it has none."""
    return int(request.session.get(ROW, 0))


@transaction.atomic
def forget(request: HttpRequest, user: User | None) -> None:
    """Drop the row of the sign-in that is just ended by signing out."""
    row = own_row(request)
    _rows().filter(pk=row).delete()
    if user is not None and row:
        signed_out.send(User, user=user, sign_ins=[row])


def end_others(request: HttpRequest, user: User) -> None:
    """End all of the person's sign-ins but the one that asks, whose key may be new."""
    others = _rows().filter(user=user)
    if request.user == user:
        others.filter(pk=own_row(request)).update(
            session_key=str(request.session.session_key)
        )
        others = others.exclude(pk=own_row(request))
    end(others, by=user)


def end_all(user: User, *, by: User | None) -> None:
    end(_rows().filter(user=user), by=by)


def forget_old() -> None:
    """Drop what has run out, rows and sessions; the clock asks once a day."""
    Session.objects.filter(expire_date__lte=now()).delete()
    kept = Session.objects.filter(session_key=OuterRef("session_key"))
    _rows().filter(~Exists(kept)).delete()
