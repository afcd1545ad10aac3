"""What the self-assembly dock says of the model problem: sliders, lines of text, the job that learns the score."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from matstudio.dynamics.live import Shown
from matstudio.dynamics.wells import Polynomial
from matstudio.workers.job import Work

SCORE_PARTICLES = 65_536
LONGEST_S = 900.0


@dataclass(frozen=True)
class Slider:
    """A slider: its key, what stands before it, least and greatest value, step, value at first."""

    key: str
    title: str
    low: float
    high: float
    step: float
    first: float

    @property
    def positions(self) -> int:
        """How many steps there are from the least value to the greatest."""
        return round((self.high - self.low) / self.step)

    def value(self, position: int) -> float:
        """The value at a position, 0 .. positions."""
        return round(self.low + position * self.step, 6)

    def position(self, value: float) -> int:
        """The position of a value."""
        return min(max(round((value - self.low) / self.step), 0), self.positions)


SLIDERS = (
    Slider("diffusion", "Temperature D", 0.01, 0.3, 0.005, 0.045),
    Slider("4", "x⁴ in E", 0.2, 3.0, 0.1, 1.0),
    Slider("3", "x³", -1.0, 1.0, 0.05, 0.0),
    Slider("2", "x²", -3.0, 3.0, 0.1, -1.0),
    Slider("1", "x", -0.5, 0.5, 0.02, 0.0),
)


def energy(values: dict[str, float]) -> Polynomial:
    """The energy that the sliders stand for."""
    return Polynomial((0.0, *(values[str(n)] for n in (1, 2, 3, 4))))


def minus(text: str) -> str:
    """With a proper minus."""
    return text.replace("-", "−")


def line(s: Shown) -> str:
    """One line: time and what is known exactly beside what is found."""
    if not len(s.curve_t):
        return ""
    (e, de), (f, df) = s.mean_energy[-1], s.free_energy[-1]
    free = f"F[p] {f:.4f} ± {df:.4f} (least {s.exact[1]:.4f})" if math.isfinite(f) else "F[p] infinite: at points"
    return minus(f"t {s.t:.2f}   ⟨E⟩ {e:.4f} ± {de:.4f} (Boltzmann {s.exact[0]:.4f})   {free}")


def wells(s: Shown) -> str:
    """One line: who is in which well, and how long a particle waits there."""
    parts = " | ".join(f"{100 * w:.1f} %" for w in s.wells)
    if len(s.wells) == 1:
        return "one well"
    wait = f", a hop (Kramers) every {1 / s.hops:.3g} of t" if s.hops > 0 else ""
    return f"in the wells, left to right: {parts}{wait}"


def score_work(values: dict[str, float], out: Path) -> Work:
    """The job that learns the score for what the sliders stand for."""
    coefficients = ",".join(f"{values[str(n)]:g}" for n in (1, 2, 3, 4))
    command = (
        "-m",
        "matstudio",
        "selfassembly",
        f"--n={SCORE_PARTICLES}",
        "--every=25",
        f"--diffusion={values['diffusion']:g}",
        f"--energy={coefficients}",
        "--score",
        "--json",
        f"--out={out}",
    )
    return Work("learn the score of the model problem", lambda _: command, out, limit_s=LONGEST_S, summary=summary)


def summary(said: str) -> str:
    """What that job says, one line; ValueError where it is nonsense."""
    try:
        r = json.loads(said)
        return (
            f"score {100 * r['score_error_final']:.1f} % off, probability flow off by KL {r['flow_kl_largest']:.3f}, "
            "barriers "
            + ", ".join(f"{a:.3f} ({b:.3f})" for a, b in zip(r["barriers"], r["barriers_exact"], strict=True))
        )
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from None
