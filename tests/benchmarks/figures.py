from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value and the most (or, with `at_least`, the least) it should be."""

    name: str
    value: float
    unit: str
    budget: float
    at_least: bool = False

    @property
    def is_over(self) -> bool:
        return self.value < self.budget if self.at_least else self.value > self.budget

    def __str__(self) -> str:
        """Return the line that `make bench` prints."""
        verdict = "over" if self.is_over else "ok"
        fields = (
            self.name,
            f"{self.value:.3g}",
            self.unit,
            f"{self.budget:g}",
            verdict,
        )
        return "\t".join(fields)
