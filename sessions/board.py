"""The board of a call: what its trainer ticks and types, kept as it is typed.

Kept apart from the topics of the call until the sign-off (`BoardTopic`): until then it
is nobody's word. What two pages wrote at once is never lost: a save says on which state
it is based, and one based on another state is answered with what stands there.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.errors import Refused
from lms.people.models import User
from sessions.models import (
    BoardTopic,
    Booking,
    BookingState,
    BookingTopic,
    CallBoard,
    Outcome,
)
from sessions.unsigned import may_sign

QUESTION_LENGTH = 2000
NOTHING_YET = UUID(int=0)  # the version of a topic of which nothing was typed


@dataclass(frozen=True)
class Typed:
    """What a page has of one topic: all of it, as the trainer sees it now.

    `private_note` of None is of one who may not see it: it stays as it is. `base` is
    the version it was last told (None: none yet), `writer` the page, `number` counts
    its saves.
    """

    outcome: Outcome
    criteria_met: tuple[str, ...]
    note: str
    private_note: str | None
    writer: UUID
    number: int
    base: UUID | None = None


class WrittenElsewhere(Exception):
    """Another page wrote here since: `draft` is what stands there, nothing was saved."""

    def __init__(self, draft: BoardTopic) -> None:
        super().__init__()
        self.draft = draft


@transaction.atomic
def save_draft(topic: BookingTopic, typed: Typed, *, by: User) -> BoardTopic:
    """Keep what is typed of a topic, from the opening of the room to the sign-off.

    By who may sign the call off. The same save again changes nothing, and one that
    was overtaken by a later one of its page is left out. Raises WrittenElsewhere, and
    Refused where there is nothing to write any more.
    """
    booking = _lock(topic.booking)
    require_may_write(booking, by)
    draft = BoardTopic.objects.filter(topic=topic).first()
    if draft is None:
        draft = BoardTopic(topic=topic, **_as_it_stands(topic))
    elif draft.writer == typed.writer:
        if typed.number <= draft.number:
            return draft
    elif draft.version != typed.base and not _is_same(draft, typed):
        raise WrittenElsewhere(draft)

    ticked = list(typed.criteria_met)
    seen = draft.criteria_met != ticked
    draft.outcome, draft.criteria_met, draft.note = typed.outcome, ticked, typed.note
    if typed.private_note is not None:
        draft.private_note = typed.private_note
    draft.version = uuid4()
    draft.writer, draft.number = typed.writer, typed.number
    draft.saved_at, draft.saved_by = now(), by
    draft.save()
    if seen:
        show(booking)
    return draft


def _lock(booking: Booking) -> Booking:
    """Lock the call, so that nothing is saved beside its sign-off."""
    return (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("trainer")
        .get(pk=booking.pk)
    )


def _as_it_stands(topic: BookingTopic) -> dict[str, object]:
    return {
        "criteria_met": topic.criteria_met,
        "note": topic.note,
        "private_note": topic.private_note,
    }


def _is_same(draft: BoardTopic, typed: Typed) -> bool:
    return (
        draft.outcome == typed.outcome
        and draft.criteria_met == list(typed.criteria_met)
        and draft.note == typed.note
        and typed.private_note in (None, draft.private_note)
    )


def require_may_write(booking: Booking, by: User) -> None:
    """Refuse to write on the board of a call that is not open, or somebody else's."""
    if not may_sign(booking, by):
        raise Refused(_("Only the trainer of a call can write on its board."))
    if booking.state == BookingState.DONE:
        raise Refused(_("This call is signed off. Undo that first."))
    if booking.state != BookingState.BOOKED:
        raise Refused(_("This call did not take place: there is nothing to write."))
    if booking.opens_at > now():
        raise Refused(_("The board opens with the room, shortly before the call."))


def drafts_of(booking: Booking) -> dict[int, BoardTopic]:
    """What is typed of a call so far, by the topics of the call; one query."""
    drafts = BoardTopic.objects.filter(topic__booking=booking)
    return {draft.topic_id: draft for draft in drafts.select_related("saved_by")}


def drop_drafts(booking: Booking) -> None:
    """Forget what was typed: it has been said now. The caller holds the locks."""
    BoardTopic.objects.filter(topic__booking=booking).delete()


def take_up_again(booking: Booking) -> None:
    """Put what was said back on the board. The caller holds the locks."""
    drop_drafts(booking)
    BoardTopic.objects.bulk_create(
        BoardTopic(topic=topic, outcome=topic.outcome, **_as_it_stands(topic))
        for topic in booking.topics.all()
    )


def forget_private_notes(booking: Booking) -> None:
    """Nobody reads the private notes of another trainer. The caller holds the locks."""
    BoardTopic.objects.filter(topic__booking=booking).update(private_note="")


# --- What both see -----------------------------------------------------------------


@transaction.atomic
def ask(
    booking: Booking, question: str, *, by: User, base: str | None = None
) -> CallBoard:
    """Keep what the trainee wants to ask, until the room closes; the trainer sees it.

    `base` is what their page knew: what another page of theirs wrote since is kept
    beside it; None writes over it. The same again changes nothing. Raises Refused for
    anybody else, afterwards, and where both are too long for one.
    """
    booking = _lock(booking)
    if by.pk != booking.trainee_id:
        raise Refused(_("Only the trainee of a call writes what they want to ask."))
    if booking.state != BookingState.BOOKED or now() >= booking.closes_at:
        raise Refused(_("This call is over: please ask your trainer by email."))
    board, _made = CallBoard.objects.get_or_create(booking=booking)
    if base is not None:
        question = both_texts(base, question, board.question)
    if len(question) > QUESTION_LENGTH:
        raise Refused(
            _("You wrote in another window too: together it is too long. Shorten it.")
        )
    if board.question != question:
        board.question = question
        board.version += 1
        board.save(update_fields=["question", "version"])
    return board


def both_texts(base: str, mine: str, theirs: str) -> str:
    """What two pages made of one text, and neither's words lost."""
    if mine in (theirs, base):
        return theirs
    if theirs == base or theirs in mine:
        return mine
    return theirs if mine in theirs else f"{theirs}\n\n{mine}"


def show(booking: Booking) -> None:
    """Let the other's page know that something changed. The caller holds the lock."""
    if not CallBoard.objects.filter(booking=booking).update(version=F("version") + 1):
        CallBoard.objects.create(booking=booking, version=1)


def board_row(booking: Booking) -> CallBoard:
    """What the two share; an empty one, not saved, if nothing yet. One query at most."""
    known: CallBoard | None = getattr(booking, "board", None)
    return known or CallBoard(booking=booking)


def agenda_version(booking: Booking) -> str:
    """A word that changes with what the two see of the call: ticks, question, end.

    And when it begins, as it can be signed off from then on.

    One query; none where the call was loaded with its `board`.
    """
    signed = booking.signed_off_at
    return "-".join(
        [
            str(board_row(booking).version),
            booking.state,
            f"{booking.ends_at:%d%H%M}",
            "begun" if booking.starts_at <= now() else "",
            f"{signed:%H%M%S}" if signed else "",
        ]
    )
