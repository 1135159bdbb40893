"""Parts of our addresses, beside Django's own."""

from __future__ import annotations

from django.urls.converters import IntConverter


class KeyConverter(IntConverter):
    """`<key:pk>`: a row's key. No row has one of more digits, nor can SQLite ask."""

    regex = "[0-9]{1,18}"
