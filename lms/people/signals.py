"""What this room announces, inside the transaction, to the rooms above."""

from django.dispatch import Signal

membership_changed = Signal()
"""A member joined, left, or changed teams: `member`, `by`."""

away_changed = Signal()
"""Somebody is away at another time: `member`, `was` (the old stretch), `by`."""

account_disabled = Signal()
"""An account can no longer sign in: `user`, `by`."""

signed_out = Signal()
"""Sign-ins of somebody ended: `user`, `sign_ins` (their keys)."""

person_erased = Signal()
"""A person's name and addresses are gone: `user`, `by`."""
