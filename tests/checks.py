"""A check for tests: a question of each kind, and answers to it as shown."""

import json

from courses.check_paper import is_right

REASON = "zwiebelkuchen"  # stands nowhere else


def _options(*texts, right=1):
    return [
        {"text": text, "is_right": number < right} for number, text in enumerate(texts)
    ]


EACH_KIND = [
    {
        "type": "single",
        "value": {
            "text": "Who closes a ticket?",
            "options": _options("Its person", "The boss", "The clock"),
        },
    },
    {
        "type": "several",
        "value": {
            "text": "What is in a ticket?",
            "options": _options("A wish", "What happened", "A password", right=2),
        },
    },
    {
        "type": "true_false",
        "value": {"text": "A ticket has one category.", "is_true": True},
    },
    {
        "type": "order",
        "value": {"text": "In which order?", "items": ["Read", "Sort", "Answer"]},
    },
    {
        "type": "match",
        "value": {
            "text": "What belongs together?",
            "pairs": [
                {"left": "Cat", "right": "Meow"},
                {"left": "Dog", "right": "Bark"},
                {"left": "Cow", "right": "Moo"},
            ],
        },
    },
]
for _question in EACH_KIND:
    _question["value"]["reason"] = REASON


def questions(count=5):
    """So many questions for a topic page, of all kinds in turn."""
    return json.dumps([EACH_KIND[place % 5] for place in range(count)])


def right_answers(attempt):
    return {
        number: question["right"]
        for number, question in attempt.key["questions"].items()
    }


def wrong_answers(attempt, wrong=None):
    """All right, but for the first so many (None: all wrong)."""
    answers = right_answers(attempt)
    for question in attempt.questions[:wrong]:
        ids = [option["id"] for option in question["options"]]
        right = answers[question["id"]]
        if question["kind"] == "order":
            answers[question["id"]] = right[::-1]
        elif question["kind"] == "match":
            answers[question["id"]] = dict.fromkeys(right, ids[0])
        else:
            answers[question["id"]] = [each for each in ids if each not in right]
        assert not is_right(attempt, question, answers)
    return answers


def as_posted(attempt, answers):
    """The same as a form posts it."""
    data = {}
    for question in attempt.questions:
        name, given = f"q{question['id']}", answers[question["id"]]
        if question["kind"] == "order":
            data |= {f"{name}-{each}": n for n, each in enumerate(given, start=1)}
        elif question["kind"] == "match":
            data |= {f"{name}-{left}": option for left, option in given.items()}
        else:
            data[name] = given if question["kind"] == "several" else given[0]
    return data
