"""What a known and an unknown address are answered: how far apart in time.

By processor time of the whole answer, in turns, so that a busy machine hurts both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from lms.people.models import User
from lms.seed import cast
from tests.benchmarks.figures import Figure

ROUNDS = 40
UNKNOWN = "nobody.at.all@northlight.example.com"


def bench_answers() -> Iterator[Figure]:
    known = User.objects.get(email=cast.WORKERS[0].email).email
    reset = reverse("account_reset_password")

    def sign_in(email: str) -> None:
        words = {"login": email, "password": "wrong, whoever it is"}
        Client().post(reverse("account_login"), words)

    def ask(email: str) -> None:
        Client().post(reset, {"email": email})

    for name, act in (("sign-in", sign_in), ("new password", ask)):
        apart = abs(ratio(act, known) - 1)
        yield Figure(f"{name}: unknown address, time apart", apart * 100, "%", 10)


def ratio(act: Callable[[str], None], known: str) -> float:
    """The median of what an unknown address takes, over that of a known one."""
    took: dict[str, list[float]] = {known: [], UNKNOWN: []}
    for number in range(ROUNDS + 1):
        for email, times in took.items():
            cache.clear()  # else the limits answer
            began = time.process_time()
            act(email)
            if number:
                times.append(time.process_time() - began)
    return median(took[UNKNOWN]) / median(took[known])
