import pytest

from certificates.claims import direction_of


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("Mara Lindqvist", "ltr"),
        ("محمد الأنصاري", "rtl"),
        ("יצחק", "rtl"),
        ("Mara (محمد) Lindqvist", "ltr"),
        ("(محمد) Mara", "rtl"),
        ("高橋", "ltr"),
        ("12", "ltr"),
    ],
)
def test_a_name_runs_as_its_first_letter_does(name, direction):
    assert direction_of(name) == direction
