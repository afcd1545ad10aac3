"""From a training to a policy's weights, with the card that says what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matstudio.control import policy
from matstudio.training.annealing import HORIZON_S, anneal, following
from matstudio.training.policy import SIDE_BY_SIDE, PolicyTraining

COUNT, SEED = 500, 20_000
_CARD = """# Policy `{name}`: {controls}

{parameters:,} parameters, architecture `{architecture}`, version {version}. Weights: `{name}.safetensors`, SHA-256 of
the tensors' bytes `{checksum}`.

**Does** ask for setpoints every 5 s that order Cu3Au the soonest, within {windows}. It sees the measured
process values and what a filter believes of S and of the speed of ordering from the models' estimates of S, never a
simulation's truth.

**Trained** by `matstudio train {name} --seed {seed} --steps {rounds}`: proximal policy optimisation, {rounds} rounds of
{side} simulated anneals of {horizon:g} s, {spent:.1f} h beside other work on 2 cores. Reward: -F of the specimen as it
would be when cold, at every decision; an anneal ends by its horizon alone. Kinetics vary by 25 %, the gain by 3 %, the
dead time from 1 to 4 s, the thermometer's lag from 0.5 to 3 s and noise from 0.1 to 1 K, the error of S from 0.003 to
0.04; half of the anneals begin in their midst.

| from S = 0.05 at 300 K to S = 0.9 | mean, s | 95 %, s | failed |
|---|---|---|---|
{rows}

Of {count} anneals each, with seeds that were not trained on. Rivals and the optimum: `matstudio bench control`.

**Limits.** One alloy, and the kinetics that the twin has. The range of each of its inputs in training is kept with the
weights; outside it, with a filter that is surprised, with kinetics beyond three standard deviations, or (where it sets
the temperature alone) away from stoichiometry and ambient pressure it gives no advice, and POLICY goes to HOLD.
"""


def finish(training: PolicyTraining, folder: Path) -> str:
    """Write weights and card; returns the table of scores."""
    checksum = training.write(folder)
    made = training.policy()
    rows = []
    for what, spread in (("as described", 0.0), ("kinetics off by 20 %, gain by 2 %", 0.2)):
        done = anneal(following(made), COUNT, SEED, spread=spread).done_s
        failed = int(np.isnan(done).sum())
        rows.append(f"| {what} | {np.nanmean(done):.1f} | {np.nanpercentile(done, 95):.0f} | {failed} |")
    units = {"temperature": "K", "pressure": "GPa", "composition": "Au fraction"}
    windows = [f"{w.low:g} to {w.high:g} {units[n]}" for n, w in policy.WINDOW.items() if n in made.controls]
    card = _CARD.format(
        name=training.name,
        controls=", ".join(made.controls),
        parameters=sum(w.size + b.size for w, b in made.layers),
        architecture=policy.ARCHITECTURE,
        version=training.version,
        checksum=checksum,
        windows=", ".join(windows),
        seed=training.seed,
        rounds=training.done,
        side=SIDE_BY_SIDE,
        horizon=HORIZON_S,
        spent=training.spent_s / 3600,
        rows="\n".join(rows),
        count=COUNT,
    )
    (folder / f"{training.name}.md").write_text(card, encoding="utf-8")
    return "\n".join(rows)
