"""The time zones that people choose from."""

from zoneinfo import available_timezones

# Cities only: "Etc/GMT+5" means five hours *west*, "EST" knows no summer.
_AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)

ZONES: list[tuple[str, str]] = [
    ("UTC", "UTC"),
    *(
        (name, name.replace("_", " "))
        for name in sorted(available_timezones())
        if name.partition("/")[0] in _AREAS
    ),
]


def zone_choices() -> list[tuple[str, str]]:
    """The same for models: named in migrations, since machines know other zones."""
    return ZONES


def city(zone_name: str) -> str:
    """The zone as people say it: "New York" for America/New_York."""
    return zone_name.rpartition("/")[2].replace("_", " ")
