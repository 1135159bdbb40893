"""The states people see: the same words on screen, in mail and in files.

Which one holds is computed in `lms.dashboards.state`; here stands what each means,
and, by its order, which one wins when several hold: the earlier in the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Actor(Enum):
    """Who acts next."""

    NOBODY = "nobody"
    TRAINEE = "trainee"
    TRAINER = "trainer"
    MANAGER = "manager"
    SYSTEM = "system"


@dataclass(frozen=True, eq=False)  # each is one thing: comparing reads no words
class State:
    """A word, an icon and a tone: never colour alone.

    `tone` is one of quiet, neutral, info, good, warn, bad. `needs_attention` puts it into
    the manager's filter of that name.
    """

    key: str
    word: str | Promise
    icon: str
    tone: str
    meaning: str | Promise
    next: Actor
    needs_attention: bool = False

    def __str__(self) -> str:
        return str(self.word)


LEFT = State("left", _("Left"), "minus", "neutral", _("No longer here."), Actor.NOBODY)
NOT_REQUIRED = State(
    "not-required",
    _("Not required"),
    "minus",
    "quiet",
    _("Nothing to do."),
    Actor.NOBODY,
)
REVOKED = State(
    "revoked",
    _("Revoked"),
    "x",
    "bad",
    _("The certificate was revoked."),
    Actor.MANAGER,
    needs_attention=True,
)
EXPIRED = State(
    "expired",
    _("Expired"),
    "alert",
    "bad",
    _("The qualification has ended."),
    Actor.TRAINEE,
    needs_attention=True,
)
CERTIFICATE_PENDING = State(
    "certificate-pending",
    _("Certificate being prepared"),
    "refresh",
    "good",
    _("All is done; the certificate follows."),
    Actor.SYSTEM,
)
EXPIRES_SOON = State(
    "expires-soon",
    _("Expires soon"),
    "clock",
    "warn",
    _("The qualification ends soon, and can be renewed."),
    Actor.TRAINEE,
    needs_attention=True,
)
UPDATE_DUE = State(
    "update-due",
    _("Update due"),
    "refresh",
    "warn",
    _("Qualified; the programme changed."),
    Actor.TRAINEE,
    needs_attention=True,
)
QUALIFIED = State(
    "qualified",
    _("Qualified"),
    "certificate",
    "good",
    _("All topics are complete."),
    Actor.NOBODY,
)
EXEMPT = State(
    "exempt", _("Exempt"), "check", "good", _("ByteKast exempted them."), Actor.NOBODY
)
AWAY = State("away", _("Away"), "clock", "neutral", _("Away for now."), Actor.NOBODY)
OVERDUE = State(
    "overdue",
    _("Overdue"),
    "alert",
    "bad",
    _("The due date has passed."),
    Actor.TRAINEE,
    needs_attention=True,
)
WAITING_FOR_SIGN_OFF = State(
    "waiting",
    _("Waiting for sign-off"),
    "edit",
    "info",
    _("The call is over; the trainer signs off."),
    Actor.TRAINER,
)
CALL_BOOKED = State(
    "call-booked",
    _("Call booked"),
    "calendar",
    "info",
    _("A call is booked."),
    Actor.TRAINEE,
)
GO_OVER_AGAIN = State(
    "again",
    _("Go over again"),
    "refresh",
    "warn",
    _("The trainer goes over a topic again."),
    Actor.TRAINEE,
    needs_attention=True,
)
READY = State(
    "ready",
    _("Ready to book"),
    "video",
    "info",
    _("A call can be booked."),
    Actor.TRAINEE,
)
IN_PROGRESS = State(
    "in-progress",
    _("In progress"),
    "dot",
    "info",
    _("Some steps are done."),
    Actor.TRAINEE,
)
NOT_STARTED = State(
    "not-started",
    _("Not started"),
    "dot",
    "neutral",
    _("Nothing is done yet."),
    Actor.TRAINEE,
    needs_attention=True,
)
INVITED = State(
    "invited",
    _("Invited"),
    "mail",
    "neutral",
    _("Has not accepted the invitation yet."),
    Actor.TRAINEE,
    needs_attention=True,
)

STATES = [
    LEFT,
    REVOKED,
    CERTIFICATE_PENDING,
    EXPIRED,
    UPDATE_DUE,
    EXPIRES_SOON,
    EXEMPT,
    QUALIFIED,
    AWAY,
    OVERDUE,
    WAITING_FOR_SIGN_OFF,
    CALL_BOOKED,
    GO_OVER_AGAIN,
    READY,
    IN_PROGRESS,
    NOT_STARTED,
    INVITED,
    NOT_REQUIRED,
]

_TONES = ["bad", "warn", "info", "neutral", "good", "quiet"]
BY_URGENCY = sorted(
    STATES, key=lambda state: (not state.needs_attention, _TONES.index(state.tone))
)
"""As a list of people is sorted: those first of whom somebody has to think."""


def strongest(holding: set[State]) -> State:
    """Which of the states that hold is shown."""
    return next(state for state in STATES if state in holding)
