import pytest

from lms.errors import Refused
from sessions.hours import (
    Window,
    set_weekly_hours,
    weekly_hours,
)
from sessions.models import RoomKind, Trainer
from sessions.trainers import make_trainer
from tests.factories import ProgrammePageFactory, UserFactory


@pytest.mark.django_db
def test_make_trainer_gives_three_calendars_and_the_programmes():
    programme = ProgrammePageFactory()
    staff = UserFactory()

    trainer = make_trainer(
        UserFactory(),
        programmes=[programme],
        time_zone="Asia/Kathmandu",
        room_kind=RoomKind.LINK,
        room_url="https://meet.example.com/a",
        by=staff,
    )

    assert list(trainer.programmes.all()) == [programme]
    assert len({trainer.hours_id, trainer.off_id, trainer.extra_id}) == 3


@pytest.mark.django_db
def test_make_trainer_again_keeps_the_calendars_and_changes_the_rest():
    user = UserFactory()
    first = make_trainer(
        user,
        programmes=[],
        time_zone="Europe/London",
        room_kind=RoomKind.ROOM,
        room_url="",
        by=None,
    )
    set_weekly_hours(first, [(0, 540, 600)])

    again = make_trainer(
        user,
        programmes=[ProgrammePageFactory()],
        time_zone="America/New_York",
        room_kind=RoomKind.LINK,
        room_url="https://meet.example.com/b",
        by=None,
    )

    assert Trainer.objects.get() == again
    assert again.hours_id == first.hours_id
    assert again.programmes.count() == 1
    assert weekly_hours([again]) == {again.pk: [Window(0, 540, 600)]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "room_url",
    [
        "http://meet.example.com/a",
        "javascript:alert(1)",
        "meet.example.com",
        "https://",
        "https://x y.example.com",
        "https://ann@meet.example.com/a",
        "https://ann:secret@meet.example.com/a",
        "https://localhost/a",
        "https://meet.local/a",
        "https://127.0.0.1/a",
        "https://10.0.0.7/a",
        "https://192.168.1.4:8443/a",
        "https://169.254.169.254/a",
        "https://[::1]/a",
        "https://[fd00::1]/a",
        f"https://meet.example.com/{'a' * 480}",
    ],
)
def test_make_trainer_refuses_a_link_that_is_not_plain_https(room_url):
    with pytest.raises(Refused):
        make_trainer(
            UserFactory(),
            programmes=[],
            time_zone="Europe/London",
            room_kind=RoomKind.LINK,
            room_url=room_url,
            by=None,
        )

    assert not Trainer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "EST"])
def test_make_trainer_refuses_an_unknown_zone(zone):
    with pytest.raises(Refused):
        make_trainer(
            UserFactory(),
            programmes=[],
            time_zone=zone,
            room_kind=RoomKind.ROOM,
            room_url="",
            by=None,
        )
