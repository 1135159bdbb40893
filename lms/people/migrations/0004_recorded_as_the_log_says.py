"""When memberships and teams of old were recorded, as far as the log tells.

What it does not tell stays empty, and counts as recorded in time.
"""

from datetime import UTC

from django.db import migrations

VERBS = ["joined", "left", "teams set"]


def fill(apps, schema_editor):
    events = apps.get_model("audit", "Event").objects.filter(
        target_type="people.Member", verb__in=VERBS
    )
    members = apps.get_model("people", "Member").objects
    rows = apps.get_model("people", "TeamMembership").objects
    for event in events.order_by("at", "pk").iterator():
        at, ids = event.at, event.ids
        of_member = rows.filter(member=event.target_id)
        begun, ended = (
            of_member.filter(recorded_at=None),
            of_member.filter(until_recorded_at=None),
        )
        if event.verb == "joined":
            members.filter(pk=event.target_id, recorded_at=None).update(recorded_at=at)
            begun.filter(team__in=ids.get("teams", [])).update(recorded_at=at)
        elif event.verb == "teams set":
            today = at.astimezone(UTC).date()
            begun.filter(team__in=ids.get("begun", []), from_on=today).update(
                recorded_at=at
            )
            ended.filter(team__in=ids.get("ended", []), until_on__gte=today).update(
                until_recorded_at=at
            )
        else:
            members.filter(pk=event.target_id, left_on__isnull=False).update(
                left_recorded_at=at
            )
            ended.filter(until_on__gte=ids["on"]).update(until_recorded_at=at)


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0003_when_dates_were_recorded"),
        ("audit", "0001_initial"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
