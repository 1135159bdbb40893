"""The demo's people: invented, at addresses that belong to nobody."""

from __future__ import annotations

from dataclasses import dataclass

TRAINING_EMAIL = "training@bytekast.example.com"
PASSWORD = "try-it-out-together"  # noqa: S105  known on purpose: demo mode alone
NORTHLIGHT = "Northlight Learning"
KESTREL = "Kestrel Digital"
IBERIA = "Kestrel Digital Iberia"
SUBSIDIARY_OF = {NORTHLIGHT: None, KESTREL: None, IBERIA: KESTREL}

LONDON, BERLIN, MADRID = "Europe/London", "Europe/Berlin", "Europe/Madrid"


@dataclass(frozen=True)
class Person:
    """Who somebody is; `shows` says in a line what to sign in as them for."""

    email: str
    name: str
    zone: str
    shows: str


@dataclass(frozen=True)
class Worker(Person):
    """One of a reseller, in one of the policy's teams."""

    reseller: str
    team: str
    is_manager: bool = False
    engagement: str = "employee"


@dataclass(frozen=True)
class Coach(Person):
    """A trainer: hours on the clock of their zone, programmes by section."""

    hours: str
    programmes: tuple[str, ...]
    room: str = "room"

    @property
    def room_url(self) -> str:
        return f"https://meet.example.com/{self.email.partition('@')[0]}"


STAFF = Person(
    "sofia.brandt@bytekast.example.com",
    "Sofia Brandt",
    BERLIN,
    "Channel team: every reseller's standing, and the content in /cms/",
)
COLLEAGUE = Person(
    "marta.silva@bytekast.example.com",
    "Marta Silva",
    "Europe/Lisbon",
    "Channel team: the second person, who agrees to what Sofia asks for, or declines",
)

TRAINERS = [
    Coach(
        "eleanor.whitcombe@bytekast.example.com",
        "Eleanor Whitcombe",
        LONDON,
        "Trainer in London: a call to sign off, one about to begin, people who are ready",
        hours="Mon-Fri 09:00-12:30, 13:30-17:00",
        programmes=("1.1", "1.2", "1.3", "1.4"),
    ),
    Coach(
        "marcus.delgado@bytekast.example.com",
        "Marcus Delgado",
        "America/New_York",
        "Trainer in New York: Sales & Marketing, Production & Onboarding",
        hours="Mon-Thu 09:00-12:00, 13:00-16:30",
        programmes=("1.1", "1.2"),
        room="link",
    ),
    Coach(
        "mei.ling.tan@bytekast.example.com",
        "Tan Mei Ling",
        "Asia/Singapore",
        "Trainer in Singapore: User Support, Data Privacy & Analytics",
        hours="Mon-Fri 10:00-13:00, 14:00-18:00",
        programmes=("1.3", "1.4"),
    ),
]

AMARA = Worker(
    "amara.okafor@northlight.example.com",
    "Amara Okafor",
    LONDON,
    "Manager of Northlight Learning: the team, the certificates; a trainee as well",
    reseller=NORTHLIGHT,
    team="sales-marketing",
    is_manager=True,
)
LIAM = Worker(
    "liam.oconnor@northlight.example.com",
    "Liam O'Connor",
    "Europe/Dublin",
    "Not started",
    reseller=NORTHLIGHT,
    team="support",
)
YUKI = Worker(
    "yuki.tanaka@northlight.example.com",
    "Yuki Tanaka",
    "Asia/Tokyo",
    "In progress: one topic complete, in the middle of the next check",
    reseller=NORTHLIGHT,
    team="support",
)
FATIMA = Worker(
    "fatima.elidrissi@northlight.example.com",
    "Fatima Zahra El Idrissi",
    "Africa/Casablanca",
    "Ready to book: everything is read, and every check passed",
    reseller=NORTHLIGHT,
    team="sales-marketing",
)
JONAS = Worker(
    "jonas.weber@northlight.example.com",
    "Jonas Weber",
    BERLIN,
    "Call booked, in a few days; would come earlier",
    reseller=NORTHLIGHT,
    team="support",
)
CHLOE = Worker(
    "chloe.martin@northlight.example.com",
    "Chloé Martin",
    "Europe/Paris",
    "Waiting for sign-off: her call was in the last days",
    reseller=NORTHLIGHT,
    team="support",
    engagement="contractor",
)
DIEGO = Worker(
    "diego.fernandez@northlight.example.com",
    "Diego Fernández",
    "America/Argentina/Buenos_Aires",
    "Go over again: one topic of his call; times are proposed to him",
    reseller=NORTHLIGHT,
    team="production-deployment",
)
OLGA = Worker(
    "olga.petrova@northlight.example.com",
    "Olga Petrova",
    "Europe/Warsaw",
    "Overdue, a check's attempts used up; no time suited her, so she asked for one",
    reseller=NORTHLIGHT,
    team="production-deployment",
    engagement="consultant",
)
NADIA = Worker(
    "nadia.rahman@northlight.example.com",
    "Nadia Rahman",
    "Asia/Dhaka",
    "Qualified for User Support, with her certificate",
    reseller=NORTHLIGHT,
    team="support",
)
TOMASZ = Worker(
    "tomasz.kowalski@northlight.example.com",
    "Tomasz Kowalski",
    "Europe/Warsaw",
    "Away for three weeks",
    reseller=NORTHLIGHT,
    team="support",
)
INGRID = Worker(
    "ingrid.solberg@northlight.example.com",
    "Ingrid Solberg",
    "Europe/Oslo",
    "Left Northlight; keeps her login and her certificate",
    reseller=NORTHLIGHT,
    team="support",
)
KWAME = Worker(
    "kwame.mensah@northlight.example.com",
    "Kwame Mensah",
    "Africa/Accra",
    "Exempt from Data Privacy & Analytics",
    reseller=NORTHLIGHT,
    team="analysts",
)
PRIYANKA = Worker(
    "priyanka.nair@northlight.example.com",
    "Priyanka Nair",
    "Asia/Kolkata",
    "Not required: her team, Training, has no programme",
    reseller=NORTHLIGHT,
    team="training",
)
HENRIK = Worker(
    "henrik.lindqvist@kestrel.example.com",
    "Henrik Lindqvist",
    "Europe/Stockholm",
    "Manager of Kestrel Digital and its subsidiary in Iberia",
    reseller=KESTREL,
    team="administrators",
    is_manager=True,
)
GRACE = Worker(
    "grace.kim@kestrel.example.com",
    "Grace Kim",
    "Asia/Seoul",
    "Certificate being prepared: signed off as the demo was made, out 15 minutes later",
    reseller=KESTREL,
    team="data-protection-officers",
)
VIKTOR = Worker(
    "viktor.hansen@kestrel.example.com",
    "Viktor Hansen",
    "Europe/Copenhagen",
    "Revoked certificate",
    reseller=KESTREL,
    team="sales-marketing",
    engagement="temporary",
)
LUCIA = Worker(
    "lucia.navarro@kestrel.example.com",
    "Lucía Navarro",
    MADRID,
    "A call that begins a quarter of an hour after the demo was made: join it",
    reseller=IBERIA,
    team="support",
)
BRUNO = Worker(
    "bruno.carvalho@kestrel.example.com",
    "Bruno Carvalho",
    "Europe/Lisbon",
    "Qualified for Sales & Marketing, in the subsidiary",
    reseller=IBERIA,
    team="sales-marketing",
)
WORKERS = [
    AMARA,
    LIAM,
    YUKI,
    FATIMA,
    JONAS,
    CHLOE,
    DIEGO,
    OLGA,
    NADIA,
    TOMASZ,
    INGRID,
    KWAME,
    PRIYANKA,
    HENRIK,
    GRACE,
    VIKTOR,
    LUCIA,
    BRUNO,
]

INVITED = Worker(
    "mateus.almeida@northlight.example.com",
    "Mateus Almeida",
    "America/Sao_Paulo",
    "Invited: the link is in the mail folder",
    reseller=NORTHLIGHT,
    team="production-deployment",
)
