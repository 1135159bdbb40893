"""Make the README's pictures anew from a fresh demo: docs/screens/*.png.

    .venv/bin/python tools/screenshots.py

Serves the demo from a folder of its own, and signs in as its people.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "screens"
PORT = os.environ.get("PORT", "8399")
ADDRESS = f"http://localhost:{PORT}"
LONGEST_WAIT_SECONDS = 30
PASSWORD = "try-it-out-together"  # noqa: S105 - the demo's
LEARNER = "yuki.tanaka@northlight.example.com"
READY = "fatima.elidrissi@northlight.example.com"
TRAINER = "eleanor.whitcombe@bytekast.example.com"
MANAGER = "amara.okafor@northlight.example.com"
HOLDER = "nadia.rahman@northlight.example.com"
EDITOR = "sofia.brandt@bytekast.example.com"


@contextmanager
def demo() -> Iterator[None]:
    """Serve a new demo whose certificates are rendered."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DEBUG": "1", "DEMO": "1", "PORT": PORT, "DATA_DIR": folder}
        environment = os.environ | settings

        def run(*command: str) -> None:
            command = (sys.executable, *command)
            subprocess.run(command, cwd=ROOT, env=environment, check=True)

        run("tools/prepare.py")
        run("manage.py", "db_worker", "--backend", "jobs", "--batch", "-v0")
        serve = [sys.executable, "manage.py", "runserver", PORT, "--noreload"]
        with subprocess.Popen(serve, cwd=ROOT, env=environment) as server:
            try:
                wait_until_served()
                yield
            finally:
                server.terminate()


def wait_until_served() -> None:
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while True:
        try:
            with urlopen(f"{ADDRESS}/healthz", timeout=5):  # noqa: S310 - always http
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def sign_in(browser: Browser, email: str, zone: str = "Europe/London") -> Page:
    context = browser.new_context(
        base_url=ADDRESS,
        viewport={"width": 1280, "height": 800},
        locale="en-GB",
        timezone_id=zone,
        color_scheme="light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/accounts/" not in url)
    return page


def keep(page: Page, name: str) -> None:
    """Write what is seen, in few colours: a tenth of the bytes."""
    page.wait_for_load_state("networkidle")
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        flat = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    flat.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}\t{path.stat().st_size // 1024} kB")


def take_pictures(browser: Browser) -> None:
    learner = sign_in(browser, LEARNER)
    learner.goto("/my/")
    keep(learner, "my-learning")
    learner.get_by_role("link", name="Open the topic").click()
    learner.evaluate("scrollTo(0, 0)")
    keep(learner, "topic")

    ready = sign_in(browser, READY, "Africa/Casablanca")
    ready.goto("/my/")
    ready.get_by_role("link", name="Find a time").click()
    ready.locator(".slots-soonest a").nth(1).click()
    ready.locator("#confirm").wait_for()
    ready.evaluate("scrollTo(0, 120)")  # topics, times and the confirm line
    keep(ready, "book")

    trainer = sign_in(browser, TRAINER)
    trainer.goto("/trainer/hours/")
    keep(trainer, "hours")
    trainer.goto("/trainer/ready/")
    keep(trainer, "ready")

    editor = sign_in(browser, EDITOR)
    editor.goto("/programmes/user-support/")
    edit = editor.get_by_role("link", name="Edit this page").get_attribute("href") or ""
    programme = edit.split("/pages/")[1].split("/")[0]
    editor.goto(f"/cms/programmes/{programme}/next-edition/")
    editor.get_by_role("button", name="Gather the next edition").click()
    editor.get_by_label("To be shown again: Escalating Tickets").check()
    editor.get_by_label("What has changed").fill("Tickets have three queues now.")
    editor.get_by_role("button", name="Save and count again").click()
    keep(editor, "edition")

    manager = sign_in(browser, MANAGER)
    manager.goto("/team/")
    keep(manager, "team")

    holder = sign_in(browser, HOLDER)
    holder.goto("/certificates/")
    holder.get_by_role("link", name="User Support", exact=True).click()
    address = holder.get_by_label("The public address of this").input_value()
    holder.context.clear_cookies()  # anybody sees it
    holder.goto(address)
    keep(holder, "verify")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with demo(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        take_pictures(browser)
        browser.close()


if __name__ == "__main__":
    main()
