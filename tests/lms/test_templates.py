import re

from django.conf import settings
from django.template.loader import get_template

TEMPLATES = settings.BASE_DIR / "templates"
NAMES = re.compile(r'{%\s*(?:include|extends)\s+"([^"]+)"|(?:_template)="([^"]+)"')


def test_every_template_that_another_names_is_there():
    named = {
        first or second
        for path in TEMPLATES.rglob("*.html")
        for first, second in NAMES.findall(path.read_text())
    }

    assert len(named) > 100
    for name in sorted(named):
        get_template(name)
