"""The engraved lines of a certificate, drawn by arithmetic in PDF's own operators.

They follow the guilloche of banknotes: a few curves, each a little further on, in
whole numbers of waves, so that they close at the corners. WeasyPrint would draw
them as SVG in half of the whole page's time; so they are made once and laid under
the page.
"""

from collections.abc import Callable
from math import cos, pi, sin
from typing import NamedTuple

WIDTH, HEIGHT = 297.0, 210.0  # A4 landscape; all lengths are millimetres
MIDDLE = WIDTH / 2
SEAL_Y = 178.0
_BAND = 9.5  # from the paper's edge to the middle of the engraved band
_HALF_BAND = 2.1
_SWING = 1.15  # how far a wave leaves the band's middle
_OPERATORS = {"m": "M", "l": "L", "c": "C", "h": "Z", "re": ""}
_PALE = "#e9edf4"  # on white
WHITE = "#ffffff"

Point = tuple[float, float]


class Shape(NamedTuple):
    """Lines in PDF's operators, drawn this thick; filled where it has no thickness."""

    lines: str
    colour: str
    thickness: float | None = None


def background(ink: str, accent: str, paper: str = WHITE) -> bytes:
    """All that lies under the text of a page, as one artifact (it says nothing)."""
    millimetre = 72 / 25.4
    parts = [
        "/Artifact BMC q",
        f"{millimetre:.5f} 0 0 {-millimetre:.5f} 0 {HEIGHT * millimetre:.4f} cm",
        *map(_in_pdf, _drawn(ink, accent, paper)),
        "Q EMC",
    ]
    return "\n".join(parts).encode()


def svg(ink: str, accent: str, paper: str = WHITE) -> str:
    """The same as SVG, for who looks at it in a browser."""
    shapes = "".join(map(_in_svg, _drawn(ink, accent, paper)))
    box = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{shapes}</svg>'


def _drawn(ink: str, accent: str, paper: str) -> list[Shape]:
    return [
        *([] if paper == WHITE else [Shape(_rectangle(0), paper)]),
        Shape(rosette((MIDDLE, 90), 62, petals=14, strands=6), _on(paper), 0.2),
        Shape(_rectangle(_BAND - _HALF_BAND), ink, 0.5),
        Shape(_rectangle(_BAND + _HALF_BAND), ink, 0.18),
        Shape(_band(), accent, 0.16),
        *(
            shape
            for x in (_BAND, WIDTH - _BAND)
            for y in (_BAND, HEIGHT - _BAND)
            for shape in _corner((x, y), ink, paper)
        ),
        *_seal((MIDDLE, SEAL_Y), ink, accent, paper),
    ]


def rosette(middle: Point, radius: float, *, petals: int, strands: int) -> str:
    """Closed curves around a point, each turned a little further than the last."""
    return "\n".join(
        _petals(middle, radius, petals, 2 * pi * strand / strands / petals)
        for strand in range(strands)
    )


def _seal(middle: Point, ink: str, accent: str, paper: str) -> list[Shape]:
    """The rosette at the foot, with room for the programme's number."""
    return [
        Shape(rosette(middle, 11.2, petals=16, strands=3), accent, 0.14),
        Shape(_circle(middle, 5.7), paper),
        Shape(_circle(middle, 5.7), ink, 0.3),
        Shape(_circle(middle, 5.1), accent, 0.14),
    ]


def _band() -> str:
    """Two interlaced waves along all four edges."""
    right, bottom = WIDTH - _BAND, HEIGHT - _BAND
    edges = (
        (lambda along, aside: (_BAND + along, _BAND + aside), right - _BAND, 44),
        (lambda along, aside: (_BAND + along, bottom + aside), right - _BAND, 44),
        (lambda along, aside: (_BAND + aside, _BAND + along), bottom - _BAND, 30),
        (lambda along, aside: (right + aside, _BAND + along), bottom - _BAND, 30),
    )
    return "\n".join(
        _wave(place, length, waves, swing)
        for place, length, waves in edges
        for swing in (_SWING, -_SWING)
    )


def _wave(
    place: Callable[[float, float], Point], length: float, waves: int, swing: float
) -> str:
    """A sine along an edge, each half of a wave one Bézier curve."""
    half = length / waves / 2
    curves = [f"{_at(place(0, 0))} m"]
    for step in range(waves * 2):
        start, crest = step * half, swing * 4 / 3 * (-1) ** step
        curves.append(
            f"{_at(place(start + half * 0.364, crest))} "
            f"{_at(place(start + half * 0.636, crest))} "
            f"{_at(place(start + half, 0))} c"
        )
    return "\n".join(curves)


def _petals(middle: Point, radius: float, petals: int, turn: float) -> str:
    """The curve r = 0.73 + 0.27 · cos(petals · angle), closed."""
    steps = petals * 8
    angles = [2 * pi * step / steps for step in range(steps)]
    reaches = [radius * (0.73 + 0.27 * cos(petals * angle)) for angle in angles]
    return _smooth(
        [
            (
                middle[0] + reach * cos(angle + turn),
                middle[1] + reach * sin(angle + turn),
            )
            for angle, reach in zip(angles, reaches, strict=True)
        ]
    )


def _circle(middle: Point, radius: float) -> str:
    return _smooth(
        [
            (
                middle[0] + radius * cos(pi * step / 12),
                middle[1] + radius * sin(pi * step / 12),
            )
            for step in range(24)
        ]
    )


def _smooth(points: list[Point]) -> str:
    """Bézier curves through closed points (Catmull-Rom)."""
    count, curves = len(points), [f"{_at(points[0])} m"]
    for at, here in enumerate(points):
        before, after = points[at - 1], points[(at + 1) % count]
        beyond = points[(at + 2) % count]
        leaving = _towards(here, before, after)
        arriving = _towards(after, beyond, here)
        curves.append(f"{_at(leaving)} {_at(arriving)} {_at(after)} c")
    return "\n".join([*curves, "h"])


def _towards(start: Point, behind: Point, ahead: Point) -> Point:
    """Where a curve leaves a point, on its way from one neighbour to the other."""
    return (
        start[0] + (ahead[0] - behind[0]) / 6,
        start[1] + (ahead[1] - behind[1]) / 6,
    )


def _corner(middle: Point, ink: str, paper: str) -> list[Shape]:
    """A square that ties the ends of two bands together, a diamond in it."""
    x, y = middle
    side, half = 2 * _HALF_BAND, _HALF_BAND
    square = f"{x - half:.2f} {y - half:.2f} {side:.2f} {side:.2f} re"
    diamond = f"{x} {y - 1.1} m {x + 1.1} {y} l {x} {y + 1.1} l {x - 1.1} {y} l h"
    return [Shape(square, paper), Shape(square, ink, 0.18), Shape(diamond, ink)]


def _rectangle(inset: float) -> str:
    return f"{inset} {inset} {WIDTH - 2 * inset} {HEIGHT - 2 * inset} re"


def _in_pdf(shape: Shape) -> str:
    colour = _colour(shape.colour)
    if shape.thickness is None:
        return f"{colour} rg\n{shape.lines}\nf"
    return f"{colour} RG {shape.thickness} w\n{shape.lines}\nS"


def _in_svg(shape: Shape) -> str:
    colour, thickness = shape.colour, shape.thickness
    looks = f'fill="{colour}"'
    if thickness is not None:
        looks = f'fill="none" stroke="{colour}" stroke-width="{thickness}"'
    return f'<path d="{_svg_path(shape.lines)}" {looks}/>'


def _svg_path(lines: str) -> str:
    """PDF writes an operator after its numbers, SVG before."""
    path, numbers = [], []
    for word in lines.split():
        if word not in _OPERATORS:
            numbers.append(word)
            continue
        if word == "re":
            x, y, width, height = numbers
            path.append(f"M{x} {y}h{width}v{height}h-{width}Z")
        else:
            path.append(_OPERATORS[word] + " ".join(numbers))
        numbers = []
    return "".join(path)


def _on(paper: str) -> str:
    """The pale lines as they look printed on paper of this colour."""
    return "#" + "".join(
        f"{round(int(_PALE[at : at + 2], 16) * int(paper[at : at + 2], 16) / 255):02x}"
        for at in (1, 3, 5)
    )


def _colour(text: str) -> str:
    """A colour such as #16294f as PDF's three numbers."""
    return " ".join(f"{int(text[at : at + 2], 16) / 255:.3f}" for at in (1, 3, 5))


def _at(point: Point) -> str:
    return f"{point[0]:.2f} {point[1]:.2f}"
