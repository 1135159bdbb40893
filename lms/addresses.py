"""Parts of our addresses, beside Django's own."""

from __future__ import annotations

import re

from django.urls.converters import IntConverter

SECRET_PATH = re.compile(
    r"/(join|welcome|mail-came|calendar|notices/off|confirm-email|password/reset/key)/[^/\s]+"
)
"""Addresses that open by themselves: whoever knows one is let in."""


class KeyConverter(IntConverter):
    """`<key:pk>`: a row's key. No row has one of more digits, nor can SQLite ask."""

    regex = "[0-9]{1,18}"
