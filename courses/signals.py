"""What this room announces, inside the transaction, to the rooms above."""

from django.dispatch import Signal

enrolment_closed = Signal()
"""An enrolment was withdrawn or annulled: `enrolment`, `successor`, `by`.

`successor` is the enrolment that goes on in its place, or None: live bookings follow
it. One that was withdrawn is announced again when its member comes back.
"""

programme_completed = Signal()
"""An enrolment has become complete: `enrolment`, `by`."""
