"""What the server has loaded before it forks, so that no process does it again."""

import subprocess
import sys

from django.conf import settings

LOOK_UP = """
import lms.wsgi
from django.template import Engine
from django.urls import URLResolver, reverse
def late(resolver):
    raise SystemExit("The addresses were not loaded yet.")
URLResolver._populate = late
print(reverse("sessions:booking", args=["ref"]))
print(Engine.get_default.cache_info().currsize)
"""


def test_addresses_and_template_tags_are_there_before_the_first_request():
    said = subprocess.run(
        [sys.executable, "-c", LOOK_UP],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert said.split() == ["/calls/ref/", "1"]
