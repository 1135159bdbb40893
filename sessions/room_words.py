"""What the page of a room may say to us: read strictly, refused in words.

Everything here comes from outside, so each part has its size and its kind. What is
refused is a mistake of the page's, or no page of ours: nothing of it is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from lms.errors import Refused
from sessions.models import LONGEST_MESSAGE, LONGEST_SIGNAL, Route

LONGEST_BODY = 256 * 1024  # bytes of one request
MOST_SIGNALS = 20  # in one request
_LARGEST_KEY = 2**63 - 1
_DEEPEST = 20
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

STATES = ("microphone", "camera", "screen", "audio_only")
_QUALITY = {"loss": 100, "round_trip": 60_000, "bitrate": 1_000_000}  # the most of each
_SDP_TYPES = ("offer", "answer", "pranswer", "rollback")
_CANDIDATE: dict[str, type] = {
    "candidate": str,
    "sdpMid": str,
    "sdpMLineIndex": int,
    "usernameFragment": str,
}


@dataclass(frozen=True)
class Told:
    """A signal as the page sent it: for which tab, under which key, as JSON."""

    to: UUID
    key: UUID
    body: str


@dataclass(frozen=True)
class Quality:
    """How well the page gets the other side."""

    loss: float  # percent
    round_trip: int  # ms
    bitrate: int  # kbit/s


@dataclass(frozen=True)
class Poll:
    """One request of a page in the room."""

    tab: UUID
    seen: int
    messages: int
    signals: list[Told]
    state: dict[str, bool | str]
    quality: Quality | None
    ice: bool


@dataclass(frozen=True)
class Line:
    """A message to the other side."""

    key: UUID
    text: str


def read_poll(body: bytes) -> Poll:
    """Read what a page asks; raises Refused with what is wrong."""
    said = _object(_parsed(body), "tab seen messages signals state quality ice")
    return Poll(
        tab=_uuid(said, "tab"),
        seen=_whole(said, "seen", _LARGEST_KEY),
        messages=_whole(said, "messages", _LARGEST_KEY),
        signals=_signals(said.get("signals", [])),
        state=_state(said.get("state", {})),
        quality=_quality(said["quality"]) if "quality" in said else None,
        ice=_flag(said, "ice"),
    )


def read_message(body: bytes) -> Line:
    """Read a message; raises Refused with what is wrong."""
    said = _object(_parsed(body), "key text")
    key, text = _uuid(said, "key"), said.get("text")
    if not isinstance(text, str):
        raise _wrong("text")
    text = text.strip()
    if not text:
        raise Refused(_("Please write something first."))
    if len(text) > LONGEST_MESSAGE:
        most = _("Your message is too long: at most %(number)d letters go in one.")
        raise Refused(most % {"number": LONGEST_MESSAGE})
    return Line(key, text)


def read_tab(text: str) -> UUID | None:
    """Read which tab leaves; None where no word is said."""
    return _uuid({"tab": text}, "tab") if text else None


# --- Parts ---------------------------------------------------------------------------


def _wrong(name: str) -> Refused:
    return Refused(_("“%(name)s” is missing or not as it should be.") % {"name": name})


def _constant(name: str) -> Any:
    raise ValueError(name)  # NaN and the infinities are no JSON


def _parsed(body: bytes) -> Any:
    try:
        value = json.loads(body.decode(), parse_constant=_constant)
    except (ValueError, RecursionError):
        raise Refused(_("This is no JSON.")) from None
    if not _is_clean(value):
        raise Refused(_("This holds letters or numbers that nobody can write."))
    return value


def _is_clean(value: Any, depth: int = 0) -> bool:
    """Whether it is not too deep, and all its letters can be kept and sent again."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, str):
        return "\x00" not in value and not any(
            "\ud800" <= letter <= "\udfff" for letter in value
        )
    if isinstance(value, float):
        return abs(value) < 1e300  # such as 1e999, which is read as infinite
    if isinstance(value, dict):
        pairs = value.items()
        return all(_is_clean(k) and _is_clean(v, depth + 1) for k, v in pairs)
    if isinstance(value, list):
        return all(_is_clean(each, depth + 1) for each in value)
    return True


def _object(value: Any, names: str, where: str = "") -> dict[str, Any]:
    """Take an object that has no other keys than `names`."""
    if not isinstance(value, dict):
        raise _wrong(where) if where else Refused(_("This is no JSON object."))
    for name in value:
        if name not in names.split():
            raise Refused(_("“%(name)s” is not known here.") % {"name": name[:40]})
    return value


def _uuid(said: dict[str, Any], name: str) -> UUID:
    value = said.get(name)
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise _wrong(name)
    return UUID(value)


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _whole(said: dict[str, Any], name: str, most: int) -> int:
    value = said.get(name, 0)
    if not _is_number(value, int) or not 0 <= value <= most:
        raise _wrong(name)
    return int(value)


def _flag(said: dict[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(name)
    return value


def _state(value: Any) -> dict[str, bool | str]:
    said = _object(value, "microphone camera screen audio_only route", "state")
    state: dict[str, bool | str] = {n: _flag(said, n) for n in STATES if n in said}
    if "route" in said:
        if said["route"] not in ("", *Route.values):
            raise _wrong("route")
        state["route"] = said["route"]
    return state


def _quality(value: Any) -> Quality:
    said = _object(value, "loss round_trip bitrate", "quality")
    for name, most in _QUALITY.items():
        number = said.get(name)
        if not _is_number(number, int, float) or not 0 <= number <= most:  # type: ignore[operator]  # a number by then
            raise _wrong(name)
    return Quality(
        loss=round(float(said["loss"]), 2),
        round_trip=round(said["round_trip"]),
        bitrate=round(said["bitrate"]),
    )


def _signals(value: Any) -> list[Told]:
    if not isinstance(value, list) or len(value) > MOST_SIGNALS:
        raise _wrong("signals")
    return [_signal(each) for each in value]


def _signal(value: Any) -> Told:
    said = _object(value, "to key body", "signals")
    body = _object(said.get("body"), "generation description candidate", "body")
    if ("description" in body) == ("candidate" in body):
        raise _wrong("body")
    if "generation" in body and _whole(body, "generation", 2**31 - 1) < 1:
        raise _wrong("generation")
    if "description" in body:
        _require(_is_description, body["description"], "description")
    else:
        _require(_is_candidate, body["candidate"], "candidate")
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    if len(text) > LONGEST_SIGNAL:
        raise _wrong("body")
    return Told(_uuid(said, "to"), _uuid(said, "key"), text)


def _require(holds: Callable[[Any], bool], value: Any, name: str) -> None:
    if not holds(value):
        raise _wrong(name)


def _is_description(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"type", "sdp"}
        and value.get("type") in _SDP_TYPES
        and isinstance(value.get("sdp", ""), str)
    )


def _is_candidate(value: Any) -> bool:
    """As `RTCIceCandidate.toJSON` gives it; None: there are no more."""
    return value is None or (
        isinstance(value, dict)
        and value.keys() <= _CANDIDATE.keys()
        and all(
            each is None or _is_number(each, _CANDIDATE[name])
            for name, each in value.items()
        )
    )
