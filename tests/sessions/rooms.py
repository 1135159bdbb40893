"""The pages of the two in a room, as the server sees them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from lms.people.models import User
from sessions.models import Booking


class Tab:
    """A page in the room: it polls, and remembers what it has got."""

    def __init__(self, call: Booking, user: User) -> None:
        self.call = call
        self.client = Client()
        self.client.force_login(user)
        self.tab = str(uuid4())
        self.seen = self.messages = 0

    def post(self, name: str, body: Any) -> HttpResponse:
        return self.client.post(
            reverse(f"sessions:{name}", args=[self.call.ref]),
            body,
            content_type="application/json",
        )

    def ask(self, **more: Any) -> HttpResponse:
        seen = {"tab": self.tab, "seen": self.seen, "messages": self.messages}
        return self.post("room_poll", seen | more)

    def poll(self, **more: Any) -> dict[str, Any]:
        response = self.ask(**more)
        assert response.status_code == 200, response.content
        answer = response.json()
        for name, attribute in (("signals", "seen"), ("messages", "messages")):
            if answer.get(name):
                setattr(self, attribute, answer[name][-1]["id"])
        return answer

    def tell(self, other: Tab, body: Any, **more: Any) -> dict[str, Any]:
        signal = {"to": other.tab, "key": str(uuid4()), "body": body} | more
        return self.poll(signals=[signal])

    def leave(self) -> HttpResponse:
        url = reverse("sessions:leave_room", args=[self.call.ref])
        return self.client.post(url, {"tab": self.tab})


def two_in(call: Booking) -> tuple[Tab, Tab]:
    """The trainee's tab and the trainer's, both in the room."""
    trainee, trainer = Tab(call, call.trainee), Tab(call, call.trainer.user)
    trainee.poll()
    trainer.poll()
    return trainee, trainer
