"""The default way for mail: the console and a folder."""

from email import message_from_bytes, policy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage

from lms.mail.backends import ConsoleAndFolder


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MAIL_FOLDER = tmp_path / "not" / "there" / "yet"
    return Path(settings.MAIL_FOLDER)


def letter(**headers: str) -> EmailMessage:
    return EmailMessage(
        "Grüße & <more>",
        "Ein Link: https://example.com/?a=1&b=2\n" + "long " * 300 + "\n",
        "training@localhost",
        ["ann@example.com"],
        headers={"Message-ID": "<message-7@localhost>"} | headers,
    )


def test_mail_becomes_a_file_that_mail_programs_open(folder: Path) -> None:
    stream = StringIO()

    sent = ConsoleAndFolder(stream=stream).send_messages([letter()])

    mail = message_from_bytes(
        (folder / "message-7.eml").read_bytes(), policy=policy.default
    )
    assert sent == 1
    assert mail["Subject"] == "Grüße & <more>"
    assert mail["To"] == "ann@example.com"
    assert mail.get_content() == letter().body
    assert stream.getvalue() == (
        f"Mail to ann@example.com: Grüße & <more> ({folder / 'message-7.eml'})\n"
    )


def test_console_line_hides_the_body(folder: Path) -> None:
    stream = StringIO()

    ConsoleAndFolder(stream=stream).send_messages([letter()])

    assert "example.com/?" not in stream.getvalue()


def test_file_stays_in_its_folder(folder: Path) -> None:
    odd = letter(**{"Message-ID": "<../../../evil/x@localhost>"})

    ConsoleAndFolder(stream=StringIO()).send_messages([odd])

    assert [path.parent for path in folder.rglob("*.eml")] == [folder]
    assert not list(folder.parent.glob("*.eml"))
