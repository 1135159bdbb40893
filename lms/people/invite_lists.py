"""A list of people to invite: kept, mended, sent; what is not sent stays in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.jobs import queued
from lms.people.access import Access
from lms.people.inviting import invite_together, links_left, too_many
from lms.people.judging import Defaults, Guest, judge
from lms.people.models import InviteDraft, User
from lms.people.pasting import FIELDS, Line

AT_ONCE = 200  # invitations; a longer list is left to the worker
KEPT = timedelta(days=14)
STALLED = timedelta(minutes=2)
_TRIES = 3


@transaction.atomic
def begin(lines: Sequence[Line], defaults: Defaults, access: Access) -> InviteDraft:
    """Keep a list that was pasted, for its maker alone."""
    draft = InviteDraft.objects.create(
        made_by=access.user,
        member=access.member if access.is_manager else None,
        reseller=defaults.reseller,
        engagement=defaults.engagement,
        until_on=defaults.until_on,
        lines=[[number, *line.cells()] for number, line in enumerate(lines, 1)],
    )
    draft.teams.set(defaults.teams)
    return draft


def guests_of(draft: InviteDraft, access: Access) -> list[Guest]:
    """Each line of the list with its word, in the order of the list."""
    defaults = Defaults(
        draft.reseller, list(draft.teams.all()), draft.engagement, draft.until_on
    )
    return judge(_lines_of(draft), defaults, access)


@transaction.atomic
def mend(
    draft: InviteDraft, lines: Mapping[int, Line], left_out: Collection[int] = ()
) -> None:
    """Keep what was mended of some lines, and drop those left out.

    A line that was sent meanwhile stays sent.
    """
    _lock(draft)
    kept = [
        [number, *lines.get(number, line).cells()]
        for number, line in _lines_of(draft)
        if number not in left_out
    ]
    if kept != draft.lines:
        draft.lines = kept
        _save(draft, "lines")


@transaction.atomic
def change_defaults(draft: InviteDraft, defaults: Defaults) -> None:
    """Keep what holds for the lines that do not say it."""
    _lock(draft)
    draft.reseller, draft.engagement = defaults.reseller, defaults.engagement
    draft.until_on = defaults.until_on
    draft.teams.set(defaults.teams)
    _save(draft, "reseller", "engagement", "until_on")


@transaction.atomic
def throw_away(draft: InviteDraft) -> None:
    """Forget the list; what was sent stays sent."""
    InviteDraft.objects.filter(pk=draft.pk).delete()


def send(draft: InviteDraft, access: Access) -> int:
    """Invite all whose line is good; tell how many, 0 where the worker goes on.

    Sending again sends what is left: nobody is invited twice. What is more than may be
    sent in a day stays in the list; raises Refused when none may be.
    """
    with transaction.atomic():
        _lock(draft)
        if draft.to_send:
            return 0
        count = sum(guest.is_good for guest in guests_of(draft, access))
        if count and not links_left(access.user):
            raise Refused(too_many())
        if count > AT_ONCE:
            draft.to_send = count
            _save(draft, "to_send")
            _enqueue(draft)
            return 0
    return send_some(draft, access)


def send_some(draft: InviteDraft, access: Access, most: int = AT_ONCE) -> int:
    """Invite the first of those whose line is good; tell how many."""
    for _try in range(_TRIES):
        try:
            with transaction.atomic():
                return _send_some(draft, access, most)
        except IntegrityError:  # another list has one of them: look again
            continue
    raise Refused(_("Somebody else invites the same people just now. Try again."))


def _send_some(draft: InviteDraft, access: Access, asked: int) -> int:
    _lock(draft)
    most = min(asked, links_left(access.user))
    good = [guest for guest in guests_of(draft, access) if guest.is_good][:most]
    if good:
        invite_together(good, by=access.user)
    sent = {guest.number for guest in good}
    draft.lines = [line for line in draft.lines if line[0] not in sent]
    draft.sent_count += len(good)
    draft.to_send = max(0, draft.to_send - len(good)) if len(good) == asked else 0
    _save(draft, "lines", "sent_count", "to_send")
    return len(good)


def go_on(pk: int) -> None:
    """Send a long list to its end, some at a time; safe to repeat.

    Asked as whom the list is of: who manages no more sends no more.
    """
    draft = InviteDraft.objects.filter(pk=pk, to_send__gt=0).first()
    while draft and draft.to_send:
        maker = User.objects.get(pk=draft.made_by_id)
        access = Access(maker, draft.member_id)
        if not InviteDraft.objects.visible_to(access).filter(pk=pk).exists():
            InviteDraft.objects.filter(pk=pk).update(to_send=0)
            return
        send_some(draft, access)


def carry_on() -> None:
    """Ask the worker again for lists that stand still."""
    late = InviteDraft.objects.filter(to_send__gt=0, changed_at__lte=now() - STALLED)
    if not late.exists():
        return
    from lms.people.tasks import send_list  # noqa: PLC0415  # the task calls back

    waiting = queued(send_list)
    for draft in late:
        if [draft.pk] not in waiting:
            send_list.enqueue(draft.pk)


def prune() -> None:
    """Forget lists that nobody has touched for 14 days."""
    InviteDraft.objects.filter(to_send=0, changed_at__lte=now() - KEPT).delete()


def _enqueue(draft: InviteDraft) -> None:
    from lms.people.tasks import send_list  # noqa: PLC0415  # the task calls back

    transaction.on_commit(lambda: send_list.enqueue(draft.pk) and None)


def _lines_of(draft: InviteDraft) -> list[tuple[int, Line]]:
    return [
        (number, Line(**dict(zip(FIELDS, cells, strict=True))))
        for number, *cells in draft.lines
    ]


def _lock(draft: InviteDraft) -> None:
    """Take the list's row and look again: one change at a time."""
    draft.refresh_from_db(from_queryset=InviteDraft.objects.select_for_update())


def _save(draft: InviteDraft, *fields: str) -> None:
    draft.changed_at = now()
    draft.save(update_fields=[*fields, "changed_at"])
