"""Films elsewhere: which addresses are taken, and what is framed of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.videos import PLAYERS, player_of
from lms import headers

KEY = "a_B-c3D4e5F"
FRAME = (
    f"https://www.youtube-nocookie.com/embed/{KEY}?autoplay=1&cc_load_policy=1&rel=0"
)


@pytest.mark.parametrize(
    "address",
    [
        f"https://www.youtube.com/watch?v={KEY}",
        f"https://youtube.com/watch?list=PL1&v={KEY}&t=90s",
        f"http://m.youtube.com/watch?v={KEY}",
        f"https://youtu.be/{KEY}?si=follow-me",
        f"https://www.youtube.com/shorts/{KEY}",
        f"https://www.youtube.com/embed/{KEY}",
        f" https://www.youtube-nocookie.com/embed/{KEY}\n",
    ],
)
def test_every_address_of_a_youtube_film_is_framed_alike(address):
    player = player_of(address)

    assert (player.site, player.frame) == ("YouTube", FRAME)
    assert player.page == f"https://www.youtube.com/watch?v={KEY}"


@pytest.mark.parametrize(
    ("address", "frame"),
    [
        ("https://vimeo.com/76979871", "76979871?autoplay=1&dnt=1"),
        (
            "https://vimeo.com/76979871/0a1b2c3d4e",
            "76979871?h=0a1b2c3d4e&autoplay=1&dnt=1",
        ),
        (
            "https://player.vimeo.com/video/76979871?h=0a1b2c3d4e&color=fff",
            "76979871?h=0a1b2c3d4e&autoplay=1&dnt=1",
        ),
    ],
)
def test_vimeo_is_asked_not_to_track(address, frame):
    assert player_of(address).frame == f"https://player.vimeo.com/video/{frame}"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "film",
        "//youtu.be/" + KEY,
        "javascript:alert(1)//youtu.be/" + KEY,
        "data:text/html,<script>alert(1)</script>",
        f"ftp://youtu.be/{KEY}",
        f"https://youtu.be.example.com/{KEY}",
        f"https://example.com/https://youtu.be/{KEY}",
        f"https://youtu.be@example.com/{KEY}",
        f"https://me@youtu.be/{KEY}",
        "https://youtu.be/",
        f"https://youtu.be/{KEY}/more",
        f"https://youtu.be/{KEY}%22onload=",
        "https://www.youtube.com/watch?v=short",
        "https://www.youtube.com/playlist?list=PL1",
        f"https://www.youtube.com/redirect?q=https://example.com&v={KEY}",
        "https://vimeo.com/channels/staffpicks",
        "https://vimeo.com/76979871/NOTHEX!",
        "https://vimeo.com/٧٦٩٧٩٨٧١",
        "https://player.vimeo.com/video/7697?h=%22%3E%3Cscript%3E",
        "https://[::1",
        "https://vimeo.com/7697\x00",
        "🎬" * 500,
    ],
)
def test_every_other_address_is_none(address):
    assert player_of(address) is None


@given(st.text(max_size=80))
def test_no_text_frames_another_host(text):
    for address in (text, f"https://vimeo.com/{text}", f"https://youtu.be/{text}"):
        player = player_of(address)

        assert player is None or player.frame.startswith(PLAYERS)
        assert player is None or '"' not in player.frame + player.page


def test_policy_lets_pages_frame_these_players_alone():
    assert list(headers.PAGES["frame-src"]) == list(PLAYERS)
    assert headers.PAGES["media-src"] == ["'self'", "blob:"]
