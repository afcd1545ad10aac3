"""The advice: what the card and the forecast in the trends say of it, and what its buttons send."""

import numpy as np
import pytest

from matstudio.bus.rundir import Run
from matstudio.domain.process import Limits
from matstudio.ui.advice_card import AdviceCard
from matstudio.ui.live import Live
from matstudio.ui.present import advice
from matstudio.ui.present.trends import Series
from matstudio.ui.trends_dock import TrendPlot

ADVICE = {
    "t": 100.0,
    "setpoints": {"temperature": 628.25, "composition": 0.262},
    "why": "S 0.9 in 143 s (120 to 170); held at 610 K: S 0.61; F, cold, 2.10 meV lower an atom",
    "trouble": "",
    "order": 0.31,
    "sigma": 0.004,
    "kinetics": 1.04,
    "rejected": "",
}
FORECAST = {
    "t": [100.0, 105.0, 110.0],
    **{name: [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0.3, 0.4, 0.5]] for name in "STF"},
    "held": [0.2, 0.2, 0.2],
    "sure": 15 / 16,
}


@pytest.fixture
def live():
    made = Live(Run.create("twin", {}), now=lambda: 0.0)
    made.take("status", {"t": 100.0, "mode": "ADVISE", "setpoints": {"temperature": 610.0, "composition": 0.25}})
    made.take("advice", {"policy": "policy3", "advice": ADVICE, "forecast": FORECAST})
    return made


def test_the_card_says_what_why_and_how_sure(live):
    shown = advice.present(live)
    assert shown.open
    assert shown.state == "proposed"
    assert shown.rows == (
        ("Temperature", "now 610.0", "628.2", "K"),
        ("Composition (Au fraction)", "now 0.250", "0.262", ""),
    )
    assert shown.lines == (
        "S 0.9 in 143 s (120 to 170)",
        "Held at 610 K: S 0.61; F, cold, 2.10 meV lower an atom",
        "Sure 94 %; state as in training; S 0.310 ± 0.004, speed × 1.04",
    )


@pytest.mark.parametrize(
    ("mode", "more", "state", "can"),
    [
        ("POLICY", {}, "followed", False),
        ("ADVISE", {"rejected": "ana"}, "rejected by ana", True),
        ("ADVISE", {"trouble": "the models have said nothing of the order for 12 s"}, "no advice", False),
        ("PID", {}, "in ADVISE and POLICY", False),
    ],
)
def test_other_states(live, mode, more, state, can):
    live.take("status", {**live.status, "mode": mode})
    live.take("advice", {"advice": ADVICE | more, "forecast": {}})
    shown = advice.present(live)
    assert (shown.state, shown.open) == (state, can)
    if "trouble" in more:
        assert shown.lines == ("The models have said nothing of the order for 12 s",)
        assert shown.level == "caution"


def test_the_forecast_is_there_only_while_the_policy_speaks(live):
    ahead = advice.ahead(live, "order_parameter")
    np.testing.assert_allclose(ahead.mid, [0.2, 0.3, 0.4])
    np.testing.assert_allclose(ahead.held, 0.2)
    assert advice.ahead(live, "temperature").held is None
    live.take("advice", {"advice": ADVICE, "forecast": FORECAST | {"S": [[0.1, 0.2]]}})
    assert advice.ahead(live, "order_parameter") is None
    live.take("status", {**live.status, "mode": "PID"})
    assert advice.ahead(live, "temperature") is None


def test_the_card_sends_what_was_typed(live, qtbot):
    card = AdviceCard()
    qtbot.addWidget(card)
    accepted, rejected = [], []
    card.accepted.connect(accepted.append)
    card.rejected.connect(lambda: rejected.append(True))
    card.show_advice(advice.present(live))
    card.show()
    assert card._edit.text() == "628.2"
    card.accept.click()
    card._edit.selectAll()
    qtbot.keyClicks(card._edit, "615")
    card.show_advice(advice.present(live))
    card.accept.click()
    card.reject.click()
    assert accepted == ["", "615"]
    assert rejected == [True]
    live.take("status", {**live.status, "mode": "PID"})
    card.show_advice(advice.present(live))
    assert not card.accept.isVisible()


def test_now_is_where_the_forecast_begins(live, qtbot):
    plot = TrendPlot("S", 2, 0.1)
    qtbot.addWidget(plot)
    t = np.array([40.0, 100.0])
    plot.show_series(Series(t, *3 * [np.array([0.1, 0.2])]), 100.0, 60.0, advice.ahead(live, "order_parameter"), 60.0)
    assert plot._part(np.array([40.0, 100.0, 160.0])) == pytest.approx([0.0, 0.5, 1.0])
    assert plot._marks()[1] == (0.0, "now")
    plot.resize(300, 100)
    assert not plot.grab().isNull()


def test_a_typed_temperature_is_checked_against_the_limits(live):
    from matstudio.ui.present import process

    with pytest.raises(ValueError, match="above the limit 860"):
        process.parse("900", "temperature", "K", Limits(250, 860))
