from django.db import migrations
from django.db.models import F


def to_kinds(apps, schema_editor):
    """Trainers without a link get the room; who came so far, came by a link."""
    trainers = apps.get_model("training_sessions", "Trainer").objects
    trainers.filter(room_kind="link", room_url="").update(room_kind="room")
    apps.get_model("training_sessions", "Booking").objects.update(
        trainee_linked_at=F("trainee_joined_at"),
        trainer_linked_at=F("trainer_joined_at"),
    )


def to_links(apps, schema_editor):
    """There is no room any more; what is noted of links goes with its columns."""
    trainers = apps.get_model("training_sessions", "Trainer").objects
    trainers.filter(room_kind="room").update(room_kind="link")


class Migration(migrations.Migration):
    dependencies = [("training_sessions", "0004_kinds_of_room")]

    operations = [migrations.RunPython(to_kinds, to_links)]
