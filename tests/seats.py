"""One client for many people: each signs in once, and asks again and again."""

from http.cookies import SimpleCookie
from typing import Any

from django.test import Client


class Seats:
    """A client as whoever asks next, with the cookies they had on signing in."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cookies: dict[int | None, str] = {}

    def take(self, person: Any) -> None:
        """Let the person ask, or for None somebody who is not signed in.

        Not inside what is taken back later: their session is to last.
        """
        key = person and person.pk
        if key not in self.cookies:
            self.client.cookies = SimpleCookie()
            if person:
                self.client.force_login(person)
            self.cookies[key] = self.client.cookies.output(header="")
        self.client.cookies = SimpleCookie(self.cookies[key])
