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
LONGEST_OPENING_SECONDS = 360
PASSWORD = "try-it-out-together"  # noqa: S105 - the demo's
LEARNER = "yuki.tanaka@northlight.example.com"
READY = "fatima.elidrissi@northlight.example.com"
TRAINER = "eleanor.whitcombe@bytekast.example.com"
MANAGER = "amara.okafor@northlight.example.com"
IN_A_CALL = "lucia.navarro@kestrel.example.com"
HOLDER = "nadia.rahman@northlight.example.com"
EDITOR = "sofia.brandt@bytekast.example.com"


# A drawn face in place of the camera's picture: nobody's, and the same each time.
FACE = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  const stream = await ask(wish);
  if (!wish.video) return stream;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1280, 800];
  const pen = canvas.getContext("2d");
  const oval = (colour, x, y, width, height) => {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.ellipse(x, y, width, height, 0, 0, 7);
    pen.fill();
  };
  const isTrainer = document.getElementById("board");
  const draw = () => {
    const wall = pen.createLinearGradient(0, 0, 1280, 800);
    wall.addColorStop(0, isTrainer ? "#d8cfc2" : "#c4d3d6");
    wall.addColorStop(1, isTrainer ? "#9aa59f" : "#8ba0ad");
    pen.fillStyle = wall;
    pen.fillRect(0, 0, 1280, 800);
    oval(isTrainer ? "#4b3a30" : "#2b2320", 640, 330, 182, 205);
    if (!isTrainer) oval("#2b2320", 640, 520, 205, 170);
    oval(isTrainer ? "#35566b" : "#8a4f3d", 640, 850, 350, 270);
    oval(isTrainer ? "#dcb093" : "#b98463", 640, 560, 62, 90);
    oval(isTrainer ? "#e6bfa3" : "#c7946f", 640, 375, 138, 172);
    oval("#33302e", 592, 350, 10, 12);
    oval("#33302e", 688, 350, 10, 12);
    pen.strokeStyle = "#8d4c42";
    pen.lineWidth = 7;
    pen.lineCap = "round";
    pen.beginPath();
    pen.arc(640, 410, 58, 0.5, 2.64);
    pen.stroke();
  };
  draw();
  setInterval(draw, 100);
  const [picture] = canvas.captureStream(10).getVideoTracks();
  return new MediaStream([...stream.getAudioTracks(), picture]);
};
"""


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


def keep(page: Page, name: str, *, is_still: bool = True) -> None:
    """Write what is seen, in few colours: a tenth of the bytes."""
    if is_still:
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


def take_picture_of_a_call(browser: Browser) -> None:
    """Trainee and trainer in their room, which opens minutes after the demo is made."""
    sides = [sign_in(browser, email) for email in (IN_A_CALL, TRAINER)]
    for page in sides:
        page.context.grant_permissions(["camera", "microphone"])
        page.add_init_script(FACE)
        page.goto("/calls/" if page is sides[0] else "/trainer/")
        join = page.get_by_role("link", name="Join", exact=True).first
        end = time.monotonic() + LONGEST_OPENING_SECONDS
        while not join.is_visible() and time.monotonic() < end:
            page.wait_for_timeout(5_000)
            page.reload()
        join.click()
    trainer = sides[1]
    trainer.locator("#room[data-state=connected][data-other-camera=on]").wait_for()
    trainer.wait_for_timeout(8_000)  # what was said on the picture is gone
    keep(trainer, "room", is_still=False)


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with demo(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--use-fake-device-for-media-stream"],
        )
        take_pictures(browser)
        take_picture_of_a_call(browser)
        browser.close()


if __name__ == "__main__":
    main()
