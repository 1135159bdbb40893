"""Run every process of the Procfile until a signal comes, then end them all.

Honcho does the work. We add what `make run` promises: the address and the demo's
sign-ins, printed once the page is served, and no orphan when the terminal is closed.
"""

import os
import signal
import sys
import time
from multiprocessing import Process, Queue
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer

ROOT = Path(__file__).resolve().parent.parent
LONGEST_WAIT_SECONDS = 120
ASKED_TO_END = {130, 143}  # by Ctrl-C, by TERM


class House(Printer):
    """Prints what the processes say, and as it stands what the house itself says."""

    def write(self, message: Message) -> None:
        if message.name is None:
            print(message.data, file=self.output, flush=True)
        else:
            super().write(message)


def is_served(address: str) -> bool:
    """Return whether /healthz answers on this machine, asked as `address` is."""
    listen = os.environ["LISTEN"].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - only read
    url = f"http://{listen}:{os.environ['PORT']}/healthz"
    asked = Request(url, headers={"Host": urlsplit(address).netloc})
    try:
        with urlopen(asked, timeout=5):  # noqa: S310 - always http
            return True
    except OSError:
        return False


def announce(address: str, sign_ins: str, said: "Queue[Message]") -> None:
    """Wait until the page is served, then say where and for whom."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < end:
        if is_served(address):
            text = f"\nOpen {address}/ (Ctrl-C ends it)\n\n{sign_ins}"
            said.put(Message("line", text, None, None, None))
            return
        time.sleep(0.1)


def serve(sign_ins: str) -> int:
    """Serve until one of the processes ends or a signal comes."""
    os.environ.setdefault("LISTEN", "127.0.0.1")
    port = os.environ.setdefault("PORT", "8000")
    address = os.environ.get("PUBLIC_URL") or f"http://localhost:{port}"
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))

    manager = Manager(House())
    procfile = parse_procfile((ROOT / "Procfile").read_text())
    for name, command in procfile.processes.items():
        manager.add_process(name, command, cwd=ROOT)
    told = (address, sign_ins, manager.events)
    Process(target=announce, args=told, daemon=True).start()
    manager.loop()
    return 0 if manager.returncode in ASKED_TO_END else manager.returncode


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1] if len(sys.argv) > 1 else ""))
