"""What this room announces, inside the transaction, to the rooms above."""

from django.dispatch import Signal

enrolment_closed = Signal()
"""An enrolment was withdrawn or annulled: `enrolment`, `by`."""

programme_completed = Signal()
"""An enrolment has become complete: `enrolment`, `by`."""
