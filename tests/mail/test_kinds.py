"""Every mail is of a kind."""

from pathlib import Path

import pytest

from lms.mail.kinds import BY_KEY, BY_TEMPLATE, KINDS, kind_of

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
ALLAUTH = {"account", "mfa"}  # the adapter queues these, as mail on the account
WRITTEN = [
    path.relative_to(TEMPLATES).as_posix()
    for path in sorted(TEMPLATES.glob("*/email/*.txt"))
    if path.parts[-3] not in ALLAUTH and not path.name.startswith("_")
]


@pytest.mark.parametrize("template", WRITTEN)
def test_mail_template_is_of_a_kind(template: str) -> None:
    folder = f"{template.rpartition('/')[0]}/"

    assert {template, folder} & set(kind_of(template).templates)


def test_kinds_name_templates_that_are_there_once() -> None:
    named = [template for kind in KINDS for template in kind.templates]

    assert [each for each in named if not (TEMPLATES / each).exists()] == []
    assert len(BY_TEMPLATE) == len(named)
    assert len(BY_KEY) == len(KINDS)
