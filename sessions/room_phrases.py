"""What the room says: each thing that can go wrong there, and its next step.

The scripts know kinds alone; the words go to the page with its other facts. So they
are translated like all others, and the whole table can be read, and walked, here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# What the button beside a fault does; "" has none.
TRY, SOUND, DEVICES, LINK, NONE = "try", "sound", "devices", "link", ""


@dataclass(frozen=True)
class Fault:
    """Something that does not work: what it means for the call, and what to do.

    Its `step` for a browser family (`chromium`, `firefox`, `safari`, `iphone`,
    `android`), where that differs, is in `steps`. `%(name)s` is a device's name.
    """

    title: StrOrPromise
    step: StrOrPromise
    act: str = NONE
    tone: str = "warn"
    steps: dict[str, StrOrPromise] | None = None


_ALLOW: dict[str, StrOrPromise] = {
    "chromium": gettext_lazy(
        "Click the icon left of the address, allow microphone and camera, and try again."
    ),
    "firefox": gettext_lazy(
        "Click the crossed-out icon left of the address, remove the block, and try again."
    ),
    "safari": gettext_lazy(
        "Choose Safari, “Settings for This Website”, allow both, and try again."
    ),
    "iphone": gettext_lazy(
        "Tap the icon in the address bar, “Website Settings”, allow both, and try again."
    ),
    "android": gettext_lazy(
        "Tap the icon left of the address, “Permissions”, allow both, and try again."
    ),
}
_ALLOW_IN_GENERAL = gettext_lazy(
    "Allow microphone and camera for this site in your browser, and try again."
)

FAULTS: dict[str, Fault] = {
    # the browser itself
    "insecure": Fault(
        gettext_lazy("This address gives no camera and no microphone"),
        gettext_lazy(
            "Browsers give them only to an address that begins with https://. Open the "
            "call there, or tell the training team."
        ),
        LINK,
        "bad",
    ),
    "no-webrtc": Fault(
        gettext_lazy("This browser cannot hold calls"),
        gettext_lazy(
            "Open this page in a current Chrome, Edge, Firefox or Safari. It may also be "
            "that your organisation has turned calls off in the browser."
        ),
        LINK,
        "bad",
    ),
    "sound-blocked": Fault(
        gettext_lazy("Your browser keeps the sound off"),
        gettext_lazy("It waits for a click from you."),
        SOUND,
    ),
    # both devices
    "both-denied": Fault(
        gettext_lazy("Microphone and camera are not allowed"),
        _ALLOW_IN_GENERAL,
        TRY,
        steps=_ALLOW,
    ),
    "both-missing": Fault(
        gettext_lazy("No microphone and no camera found"),
        gettext_lazy(
            "Plug them in: they are used at once. Until then you can hear, see and write."
        ),
        TRY,
    ),
    "both-busy": Fault(
        gettext_lazy("Microphone and camera do not start"),
        gettext_lazy(
            "Another program may be using them. Close it there (Teams, Zoom, another "
            "tab), and try again."
        ),
        TRY,
    ),
    # the microphone
    "microphone-denied": Fault(
        gettext_lazy("The microphone is not allowed: you are seen, not heard"),
        _ALLOW_IN_GENERAL,
        TRY,
        steps=_ALLOW,
    ),
    "microphone-missing": Fault(
        gettext_lazy("No microphone found: you are not heard"),
        gettext_lazy("Plug one in: it is used at once. Until then, write text notes."),
        TRY,
    ),
    "microphone-busy": Fault(
        gettext_lazy("The microphone does not start"),
        gettext_lazy(
            "Close the program that uses it, or choose another, and try again."
        ),
        DEVICES,
    ),
    "microphone-gone": Fault(
        gettext_lazy("Your microphone was unplugged: you are not heard"),
        gettext_lazy("Plug it in again, or choose another."),
        DEVICES,
    ),
    "microphone-replaced": Fault(
        gettext_lazy("Your microphone was unplugged"),
        gettext_lazy("You now speak through %(name)s."),
        DEVICES,
        "info",
    ),
    "microphone-found": Fault(
        gettext_lazy("Microphone found"),
        gettext_lazy("You now speak through %(name)s."),
        DEVICES,
        "good",
    ),
    # the camera
    "camera-denied": Fault(
        gettext_lazy("The camera is not allowed: you are heard, not seen"),
        _ALLOW_IN_GENERAL,
        TRY,
        steps=_ALLOW,
    ),
    "camera-missing": Fault(
        gettext_lazy("No camera found: you are heard, not seen"),
        gettext_lazy("The call works without. Plug one in, and it is used at once."),
        NONE,
        "info",
    ),
    "camera-busy": Fault(
        gettext_lazy("The camera does not start: you are heard, not seen"),
        gettext_lazy(
            "Close the program that uses it (Teams, Zoom, another tab), and try again."
        ),
        TRY,
    ),
    "camera-gone": Fault(
        gettext_lazy("Your camera was unplugged: you are heard, not seen"),
        gettext_lazy("Plug it in again, or choose another."),
        DEVICES,
    ),
    "camera-replaced": Fault(
        gettext_lazy("Your camera was unplugged"),
        gettext_lazy("You are now seen through %(name)s."),
        DEVICES,
        "info",
    ),
    "camera-found": Fault(
        gettext_lazy("Camera found"),
        gettext_lazy("You are now seen through %(name)s."),
        DEVICES,
        "good",
    ),
    # the screen
    "screen-denied": Fault(
        gettext_lazy("Your screen is not shared"),
        gettext_lazy(
            "Press Share again and choose what to show. On a Mac the browser must also be "
            "allowed under System Settings, Privacy & Security, Screen Recording."
        ),
        NONE,
        "info",
    ),
    "screen-busy": Fault(
        gettext_lazy("Your screen could not be shared"),
        gettext_lazy(
            "Press Share again, and choose another window or the whole screen."
        ),
    ),
    "screen-missing": Fault(
        gettext_lazy("This browser cannot share a screen"),
        gettext_lazy("Phones mostly cannot. Open the call on a computer to share."),
        NONE,
        "info",
    ),
}


def fault_words() -> dict[str, Any]:
    """The whole table in the reader's language, as the scripts take it."""
    words = {}
    for kind, fault in FAULTS.items():
        row = asdict(fault) | {"title": str(fault.title), "step": str(fault.step)}
        row["steps"] = {name: str(step) for name, step in (fault.steps or {}).items()}
        words[kind] = row
    return words


def act_words() -> dict[str, str]:
    """What the button beside a fault says."""
    return {
        TRY: _("Try again"),
        SOUND: _("Turn the sound on"),
        DEVICES: _("Choose devices"),
        LINK: _("Use the outside link"),
    }


def phrases(other: str) -> dict[str, Any]:
    """All that the room's scripts may say, `other` being the other side's name."""
    name = {"name": other}
    return {
        "faults": fault_words(),
        "acts": act_words(),
        "states": {  # an icon, and the words
            "asking": ("clock", _("Coming in …")),
            "waiting": ("clock", _("Waiting")),
            "connecting": ("refresh", _("Connecting …")),
            "connected": ("check-circle", _("Connected")),
            "reconnecting": ("refresh", _("Reconnecting …")),
            "lost": ("alert", _("No connection")),
        },
        "routes": {"direct": _("directly"), "relay": _("through the relay")},
        "quality": {
            "good": _("Good line"),
            "fair": _("Line a little weak"),
            "weak": _("Weak line"),
        },
        "other": {
            "joined": _("%(name)s is here.") % name,
            "joined-again": _("%(name)s came in again.") % name,
            "left": _("%(name)s has left.") % name,
            "microphone-on": _("%(name)s’s microphone is on.") % name,
            "microphone-off": _("%(name)s’s microphone is off.") % name,
            "camera-on": _("%(name)s’s camera is on.") % name,
            "camera-off": _("%(name)s’s camera is off.") % name,
            "screen-on": _("%(name)s shows a screen.") % name,
            "screen-off": _("%(name)s has stopped showing a screen.") % name,
            "pictures-off": _(
                "%(name)s talks without pictures: your camera is not sent."
            )
            % name,
            "pictures-on": _("Pictures are sent again, in both directions."),
        },
        "own": {
            "microphone-on": _("Your microphone is on."),
            "microphone-off": _("Your microphone is off."),
            "camera-on": _("Your camera is on."),
            "camera-off": _("Your camera is off."),
        },
        "buttons": {
            "microphone": {
                "on": _("Turn the microphone on"),
                "off": _("Turn the microphone off"),
                "key": "M",
                "icons": ("mic", "mic-off"),
            },
            "camera": {
                "on": _("Turn the camera on"),
                "off": _("Turn the camera off"),
                "key": "C",
                "icons": ("video", "video-off"),
            },
            "screen": {
                "on": _("Show your screen"),
                "off": _("Stop showing your screen"),
                "key": "S",
                "icons": ("monitor-off", "monitor"),
            },
        },
        "notes": {
            "you": _("You"),
            "from": _("Text note from %(name)s:") % name,
            "sending": _("Sending …"),
            "again": _("Not sent yet. Trying again …"),
            "refused": _("This could not be sent."),
        },
        "devices": {
            "none": _("None found"),
            "usual": _("The one your system uses"),
        },
        "over": {  # an icon, a title, what the button says
            "left": ("check-circle", _("You have left the call"), _("Come in again")),
            "replaced": (
                "monitor",
                _("You are in the call elsewhere"),
                _("Go on here"),
            ),
            "closed": ("check-circle", _("The call is over"), _("See the call")),
            "link": ("external", _("The call goes on elsewhere"), _("Go on there")),
            "moved": ("calendar", _("The call was moved"), _("See the call")),
            "cancelled": ("ban", _("The call was cancelled"), _("See the call")),
            "missed": ("clock", _("The call was missed"), _("Go on")),
            "signed-out": ("key", _("You are signed out"), _("Sign in again")),
            "gone": ("lock", _("This call is no longer open to you"), _("Go on")),
        },
    }


def test_words() -> dict[str, Any]:
    """What the test page says of each result: its state, and what it means."""
    return {
        "states": {
            "idle": _("Not tested yet"),
            "busy": _("Testing …"),
            "good": _("Works"),
            "warn": _("Works with limits"),
            "bad": _("Needs a look"),
        },
        "camera": {
            "good": _("You can see yourself, by %(name)s."),
        },
        "microphone": {
            "busy": _("Say something: the bar should move."),
            "good": _("We hear you, by %(name)s."),
            "quiet": _(
                "Nothing heard so far from %(name)s. Speak up, look whether it is muted "
                "on the device, or choose another below."
            ),
        },
        "speaker": {
            "idle": _("Plays two soft tones."),
            "asked": _("Do you hear it?"),
            "good": _("You hear it."),
            "bad": _(
                "Turn the volume up, look whether headphones are plugged in, or choose "
                "another speaker below. Then play it again."
            ),
        },
        "network": {
            "relay": _(
                "Calls will connect: directly, or through our relay where a network is "
                "strict."
            ),
            "direct": _(
                "Direct calls should work. If the network of one side is very strict, "
                "your trainer’s link may be needed."
            ),
            "unasked": _(
                "Your browser is ready for direct calls. Strict network: your trainer’s "
                "link may be needed, as this site has no relay."
            ),
            "no-relay": _(
                "Our relay cannot be reached from here. Direct calls may work; strict "
                "network: your trainer’s link may be needed. Another network, a phone’s "
                "say, often helps."
            ),
            "none": _(
                "This network or browser lets no call through. Try another network, or "
                "turn off what blocks WebRTC (a VPN, an extension). Else tell your "
                "trainer before the call: the two of you then use an outside link."
            ),
        },
        "summary": {
            "good": _("All set for your call."),
            "warn": _("You can hold your call. See below what is limited."),
            "bad": _("Something needs a look before your call."),
        },
    }
