"""Joining a call in a real browser: `python -m tests.benchmarks.joining`.

One side waits in the room, the other presses *Join* on the call's page; what counts is
the time from there to the first picture of the other side on the screen, by the page's
own clock: the page, the camera, the agreeing and the connection are all in it. Alone,
and while the pages of forty other calls poll, on two gunicorn workers as the Procfile
starts them. Then one of the two is suspended: how long until the other's page hangs up.
Prints seconds as JSON. The environment says which database; it is migrated and filled.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from tests.benchmarks.polling import STEADY, Page, make_calls, served
from tests.benchmarks.rush import prepare

CALLS = 40
ROUNDS = 7
SUSPENSIONS = 3
FIRST_PICTURE = """
document.addEventListener("DOMContentLoaded", () => {
  const video = document.getElementById("other-video");
  video?.requestVideoFrameCallback((at) => { globalThis.firstPicture = at; });
});
"""


@contextmanager
def polling(pages: list[Page], port: int) -> Iterator[None]:
    """Let each page poll as in a call, each at another moment, beside all else."""

    async def talk(number: int, page: Page) -> None:
        await asyncio.sleep(STEADY * number / len(pages))
        while True:
            await page.poll(port)
            await asyncio.sleep(STEADY)

    async def all_of_them() -> None:
        await asyncio.gather(*(talk(n, page) for n, page in enumerate(pages)))

    process = multiprocessing.get_context("fork").Process(
        target=lambda: asyncio.run(all_of_them())
    )
    process.start()
    try:
        yield
        if not process.is_alive():
            raise RuntimeError("The other calls have ended.")
    finally:
        process.kill()
        process.join()


def join(side: Any, other: Any) -> float:
    """Press *Join*, and leave again; the seconds to the other's first picture."""
    side.page.goto(f"/calls/{side.call.ref}/")
    way = side.page.get_by_role("link", name=re.compile("^(Join|Rejoin)$"))
    way.click()
    side.page.wait_for_url("**/room/")
    side.until(lambda: side.page.evaluate("globalThis.firstPicture"), "sees the other")
    seconds = side.page.evaluate("firstPicture") / 1000
    side.press("leave")
    other.until(lambda: other.state() == "waiting", "is alone again")
    return float(seconds)


def suspend(side: Any, other: Any, user: Any) -> float:
    """Suspend one of two who talk; the seconds until the other's page hangs up."""
    from lms.people.accounts import set_active  # noqa: PLC0415  once Django is set up

    side.enter()
    for each in (side, other):
        each.connected()
    set_active(user, False, by=None)
    began = time.monotonic()
    other.until(other.is_hung_up, "hangs up")
    seconds = time.monotonic() - began
    set_active(user, True, by=None)
    return seconds


def main() -> dict[str, float]:
    os.environ["ALLOWED_HOSTS"] = "testserver,localhost"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop is in here
    prepare()
    from django.test import Client  # noqa: PLC0415  once Django is set up
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from tests.browser.journeys import launched  # noqa: PLC0415
    from tests.browser.rooms import (  # noqa: PLC0415
        KEEP_PEERS,
        MADE_UP_DEVICES,
        SAYS_YES,
        Side,
        call_now,
    )

    pages, call = make_calls(CALLS), call_now()
    with served() as (port, _web), sync_playwright() as playwright:
        browser = launched(playwright, MADE_UP_DEVICES, SAYS_YES)
        address = f"http://localhost:{port}"

        def open_side(user: Any) -> Side:
            client = Client()
            client.force_login(user)
            context = browser.new_context(base_url=address)
            cookie = client.cookies["sessionid"].value
            context.add_cookies(
                [{"name": "sessionid", "value": cookie, "url": address}]
            )
            context.add_init_script(KEEP_PEERS)
            context.add_init_script(FIRST_PICTURE)
            return Side(context.new_page(), call, str(user))

        trainer, trainee = open_side(call.trainer.user), open_side(call.trainee)
        trainer.enter()
        join(trainee, trainer)  # what is loaded once is loaded
        found = {"alone": median(join(trainee, trainer) for _n in range(ROUNDS))}
        with polling(pages, port):
            time.sleep(2 * STEADY)  # all of them are there
            found["beside others"] = median(
                join(trainee, trainer) for _n in range(ROUNDS)
            )
            found["hung up"] = max(
                suspend(open_side(call.trainee), trainer, call.trainee)
                for _n in range(SUSPENSIONS)
            )
        browser.close()
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    json.dump(main(), sys.stdout)
