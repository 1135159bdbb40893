import re

from django.conf import settings

from lms import states

SPRITE = (settings.BASE_DIR / "lms/static/lms/icons.svg").read_text()
ICONS = set(re.findall(r'<symbol id="([a-z-]+)"', SPRITE))


def test_every_icon_a_template_names_is_drawn():
    named = {
        name
        for template in (settings.BASE_DIR / "templates").rglob("*.html")
        for name in re.findall(
            r'components/icon\.html" with name="([a-z-]+)"', template.read_text()
        )
    }

    assert named
    assert named - ICONS == set()


def test_every_state_has_its_icon():
    assert {state.icon for state in states.STATES} - ICONS == set()
