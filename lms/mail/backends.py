"""Where mail goes by default: the console and a folder, for trying out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.console import EmailBackend as Console
from django.core.mail.message import sanitize_address
from django.utils.text import get_valid_filename


class ConsoleAndFolder(Console):
    """Write a line to the console and each mail as a file that mail programs open."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        for email in email_messages:
            message = email.message()
            own_id = message["Message-ID"].strip("<>").partition("@")[0]
            name = f"{get_valid_filename(own_id)}.eml"
            (folder / name).write_bytes(message.as_bytes())
            to = ", ".join(sanitize_address(a, "utf-8") for a in email.to)
            self.stream.write(f"Mail to {to}: {email.subject} ({folder / name})\n")
        self.stream.flush()
        return len(email_messages)
