"""What we write to people about: each kind of mail, who gets it, and if it is a choice.

One table. Every text template belongs to one kind, by itself or by its folder; what
may be turned off says so at its foot, with a link that does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Audience(Enum):
    """Who gets a kind of mail."""

    EVERYBODY = "everybody"
    TRAINERS = "trainers"
    MANAGERS = "managers"
    STAFF = "staff"


@dataclass(frozen=True)
class Kind:
    """A kind of mail: its name, what is in it, and why somebody gets it.

    `may_be_off` of False: people need it, and cannot turn it off. `is_nudge`: at most
    one in three days (`lms.people.nudging`).
    """

    key: str
    name: str | Promise
    about: str | Promise
    why: str | Promise
    templates: tuple[str, ...]
    audience: Audience = Audience.EVERYBODY
    may_be_off: bool = True
    is_nudge: bool = False

    def __str__(self) -> str:
        return str(self.name)


def _of(room: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{room}/email/{name}.txt" for name in names)


# --- A choice ----------------------------------------------------------------------

ENROLLED = Kind(
    "enrolled",
    _("Your programmes"),
    _("You are in a programme, are taken out of one, or need not do a topic."),
    _("it is about a programme of yours"),
    _of("courses", "added", "removed", "exempted", "declined")
    + _of("courses", "transfers", "transfer"),
)
REQUALIFY = Kind(
    "requalify",
    _("A programme has changed"),
    _("There is a new edition, and what it asks of you."),
    _("a programme of yours, or of your team, has changed"),
    _of("courses", "edition"),
)
REMINDER = Kind(
    "reminder",
    _("Reminders by your manager or ByteKast"),
    _("Somebody asks you to go on, or to book your call."),
    _("somebody pressed the button “Remind” for you"),
    (*_of("courses", "reminder"), *_of("sessions", "booking_link")),
    is_nudge=True,
)
DUE_SOON = Kind(
    "due-soon",
    _("Due soon"),
    _("A programme is due: 14 days and 3 days before."),
    _("a programme of yours is due soon"),
    _of("courses", "due_soon"),
    is_nudge=True,
)
OVERDUE = Kind(
    "overdue",
    _("Overdue"),
    _("A due date has passed: once a week, for eight weeks."),
    _("a due date of yours has passed"),
    _of("courses", "overdue"),
    is_nudge=True,
)
CALL_REMINDER = Kind(
    "call-reminder",
    _("Reminders of your calls"),
    _("A day and an hour before a call."),
    _("you have a call"),
    _of("sessions", "reminder"),
)
CALL_NOTES = Kind(
    "call-notes",
    _("What a call covered"),
    _("After your call: which topics are done, and your trainer’s notes."),
    _("your trainer signed off a call of yours"),
    _of("sessions", "signed_off"),
)
CERTIFICATE = Kind(
    "certificate",
    _("Your certificates"),
    _("A certificate is ready."),
    _("you have a new certificate"),
    _of("certificates", "ready"),
)
EXPIRY = Kind(
    "expiry",
    _("A qualification ends"),
    _("90, 60, 30 and 7 days before it does."),
    _("a qualification of yours ends"),
    _of("certificates", "expires"),
)
DIGEST = Kind(
    "digest",
    _("The week in your team"),
    _("On Monday morning: who needs attention, what ends, who is new."),
    _("you are a manager"),
    _of("dashboards", "digest"),
    Audience.MANAGERS,
)

# --- None: people need these -------------------------------------------------------

ACCOUNT = Kind(
    "account",
    _("Your account"),
    _("Invitations, passwords, addresses, how you sign in."),
    _("it is about your account, or somebody invites you"),
    ("people/email/", "privacy/email/"),
    may_be_off=False,
)
CALLS = Kind(
    "calls",
    _("Your calls"),
    _("A call is booked, moved, cancelled or missed; times are proposed."),
    _("it is about a call of yours"),
    (
        *_of("sessions", "booked", "moved", "cancelled", "handed_over", "given_up"),
        *_of("sessions", "choose_again", "missed_you", "missed_by_us", "missed_by_you"),
        *_of("sessions", "came", "settled", "where", "corrected"),
        *_of("sessions", "offer_proposed", "offer_earlier", "offer_declined"),
        *_of("sessions", "offer_not_needed", "offer_withdrawn", "offer_covered"),
    ),
    may_be_off=False,
)
UNSIGNED = Kind(
    "unsigned",
    _("Calls to sign off"),
    _(
        "A call of yours is over: four hours, a day and three days after it, until it "
        "is signed off."
    ),
    _("somebody waits for your word on a call"),
    _of("sessions", "unsigned", "left_unsigned"),
    Audience.TRAINERS,
    may_be_off=False,
)
FILES = Kind(
    "files",
    _("Files you asked for"),
    _("An audit pack or a statement is ready."),
    _("you asked for a file"),
    _of("certificates", "audit", "statement"),
    Audience.MANAGERS,
    may_be_off=False,
)
QUESTIONS = Kind(
    "questions",
    _("Questions of your people"),
    _("Somebody asks to take a programme."),
    _("you are to answer it"),
    _of("courses", "asked"),
    Audience.MANAGERS,
    may_be_off=False,
)
ALARMS = Kind(
    "alarms",
    _("What the channel team sees to"),
    _(
        "No free times, a call in dispute or without a sign-off, certificates that "
        "cannot be made."
    ),
    _("you are of the channel team"),
    (
        *_of("sessions", "no_times", "disputed", "left_unsigned_team"),
        *_of("certificates", "trouble"),
        *_of("operations", "test_mail"),
    ),
    Audience.STAFF,
    may_be_off=False,
)

KINDS = (
    ENROLLED,
    REQUALIFY,
    REMINDER,
    DUE_SOON,
    OVERDUE,
    CALL_REMINDER,
    CALL_NOTES,
    CERTIFICATE,
    EXPIRY,
    DIGEST,
    ACCOUNT,
    CALLS,
    UNSIGNED,
    FILES,
    QUESTIONS,
    ALARMS,
)
BY_KEY = {kind.key: kind for kind in KINDS}
BY_TEMPLATE = {template: kind for kind in KINDS for template in kind.templates}


def kind_of(template: str) -> Kind:
    """The kind of a text template, or of its folder; a KeyError for one of none."""
    if template in BY_TEMPLATE:
        return BY_TEMPLATE[template]
    return BY_TEMPLATE[template.rpartition("/")[0] + "/"]
