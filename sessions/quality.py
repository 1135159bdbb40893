"""How good the connection of a call was, in words made of the numbers kept with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lms.people.models import User
from sessions.models import Booking, QualitySample, Route

# From here on a picture is seen to jump, and from there on people lose each other: the
# same as in `js/room/quality.js`, which says it while they talk.
FAIR = (3.0, 300)  # percent lost, ms there and back
WEAK = (8.0, 700)
GOOD_WORD, FAIR_WORD, WEAK_WORD = "good", "fair", "weak"


@dataclass(frozen=True)
class Heard:
    """How well one of the two got the other: minutes by level, the worst, the way."""

    by: User
    minutes: Counter[str]
    loss_percent: float
    round_trip_ms: int
    is_relayed: bool

    @property
    def level(self) -> str:
        """The worst that held for a fifth of the time or longer."""
        total = sum(self.minutes.values())
        if self.minutes[WEAK_WORD] * 5 >= total:
            return WEAK_WORD
        poor = self.minutes[WEAK_WORD] + self.minutes[FAIR_WORD]
        return FAIR_WORD if poor * 5 >= total else GOOD_WORD

    @property
    def words(self) -> str:
        """A sentence or two for who wants to know whether it was the line."""
        total = sum(self.minutes.values())
        said = [_lasted(self.level, self.minutes[self.level], total)]
        worse = self.minutes[WEAK_WORD]
        if self.level != WEAK_WORD and worse:
            said.append(
                ngettext("Weak for %(n)d minute.", "Weak for %(n)d minutes.", worse)
                % {"n": worse}
            )
        if self.level != GOOD_WORD:
            said.append(
                _(
                    "At worst %(loss)d %% was lost, and %(ms)d ms went by there and back."
                )
                % {"loss": round(self.loss_percent), "ms": self.round_trip_ms}
            )
        if self.is_relayed:
            said.append(_("Through the relay, so a network was strict."))
        return " ".join(said)


def level_of(loss_percent: float, round_trip_ms: int) -> str:
    """One word for the numbers of a minute."""
    if loss_percent >= WEAK[0] or round_trip_ms >= WEAK[1]:
        return WEAK_WORD
    if loss_percent >= FAIR[0] or round_trip_ms >= FAIR[1]:
        return FAIR_WORD
    return GOOD_WORD


def heard_in(call: Booking) -> list[Heard]:
    """How well each of the two got the other; nobody of whom nothing was kept. A query."""
    samples: dict[int, list[QualitySample]] = {}
    people: dict[int, User] = {}
    rows = QualitySample.objects.filter(presence__booking=call)
    for sample in rows.select_related("presence__user").order_by("at", "pk"):
        user = sample.presence.user
        people[user.pk] = user
        samples.setdefault(user.pk, []).append(sample)
    return [
        Heard(
            by=people[pk],
            minutes=Counter(level_of(s.loss_percent, s.round_trip_ms) for s in theirs),
            loss_percent=max(s.loss_percent for s in theirs),
            round_trip_ms=max(s.round_trip_ms for s in theirs),
            is_relayed=any(s.route == Route.RELAY for s in theirs),
        )
        for pk, theirs in samples.items()
    ]


def _lasted(level: str, minutes: int, total: int) -> str:
    if minutes == total:
        return {
            GOOD_WORD: _("Good throughout."),
            FAIR_WORD: _("Fair throughout: picture or sound may have jumped."),
            WEAK_WORD: _("Weak throughout."),
        }[level]
    numbers = {"minutes": minutes, "total": total}
    return {
        GOOD_WORD: _("Good for %(minutes)d of %(total)d minutes.") % numbers,
        FAIR_WORD: _("Fair: it jumped in %(minutes)d of %(total)d minutes.") % numbers,
        WEAK_WORD: _("Weak for %(minutes)d of %(total)d minutes.") % numbers,
    }[level]
