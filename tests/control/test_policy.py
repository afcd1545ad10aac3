import numpy as np
import pytest

from matstudio.control import observer
from matstudio.control import policy as room
from matstudio.control.belief import Belief
from matstudio.control.feedforward import Led
from matstudio.control.heaters import HEATER, Heaters
from matstudio.control.outlook import HORIZON_S, Loop, Outlook
from matstudio.control.pid import lambda_tuning
from matstudio.control.policy import Policy, Seen, setpoints
from matstudio.dynamics.annealing import Furnaces
from matstudio.instruments.twin.plant import Furnace
from matstudio.station.loop import Loop as StationLoop
from matstudio.training.annealing import LIMITS, anneal, following

TUNING = lambda_tuning(650.0, 60.0, 1.5, 2.1)


@pytest.fixture(scope="module")
def policy():
    return Policy.load()


def seen(S=0.06, sigma=0.003, kinetics=0.0, T=500.0, **more):
    belief = Belief(1)
    belief.read(S, sigma)
    belief.kinetics[:] = kinetics
    values = {"temperature": T, "pressure": 0.0, "composition": 0.25} | more
    arrays = {k: np.array([float(v)]) for k, v in values.items()}
    return Seen(belief, arrays, arrays, arrays)


def test_the_trained_policy_orders_the_alloy(policy):
    """With -F as reward and an end at the goal an agent learns never to arrive; this one does."""
    for spread, most in ((0.0, 1.10), (0.2, 1.15)):
        made = anneal(following(policy), 60, 3, spread=spread)
        assert not np.isnan(made.done_s).any()
        assert made.done_s.mean() < most * 302.22
        assert made.hottest_K.max() < 700


def test_it_is_not_quicker_than_the_process_allows(policy):
    assert anneal(following(policy), 1, 0, noise=False).done_s[0] > 0.995 * 302.22  # finer steps: bench control


def test_it_knows_where_it_was_trained(policy):
    assert policy.strange(seen()) == ""
    assert "surprise" not in policy.strange(seen(kinetics=1.5))
    assert "4.5 times as fast" in policy.strange(seen(kinetics=1.5))
    assert policy.strange(seen(T=1100.0)) == "the temperature was never so in training"
    assert policy.strange(seen(composition=0.27)) == "composition 0.27: it was trained at 0.25 only"
    assert "pressure" in policy.strange(seen(pressure=0.5))
    odd = seen()
    odd.belief.surprise[:] = 9.0
    assert "3.0 sigma off" in policy.strange(odd)
    odd = seen()
    odd.belief.S[:] = np.nan
    assert policy.strange(odd) == "order or temperature are not known"


def test_setpoints_stay_in_the_window():
    action = np.array([[-9.0, 0.0, 9.0], [np.nan, 1.0, -1.0]])
    found = setpoints(action, room.ALL)
    assert found["temperature"][0] == room.WINDOW["temperature"].low
    assert found["composition"][0] == room.WINDOW["composition"].high
    assert np.isnan(found["temperature"][1])  # never clamped to a number


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_damaged_weights_are_refused(tmp_path, size):
    data = (room.MODELS / "policy.safetensors").read_bytes()
    (tmp_path / "policy.safetensors").write_bytes(data[:size])
    with pytest.raises(ValueError, match=r"policy\.safetensors"):
        Policy.load(folder=tmp_path)


def test_the_loops_are_the_station_s():
    """Many heaters at once give what the station's loop, through the gate, gives one by one."""
    dt, at, power, t = 0.25, 300.0, 0.0, 0.0
    described = observer.Furnace(650.0, 60.0, 2.0, 1.5, 0.3, 300.0)
    loop = StationLoop(TUNING, led=Led(described, HEATER, LIMITS))
    loop.close(300.0, 300.0, 0.0, 0.0, 0.0)
    heaters = Heaters(TUNING, LIMITS, Furnace(), np.array([300.0]), dt)
    furnace = Furnaces(1, rng=np.random.default_rng(0))
    for step in range(400):
        t += dt
        T = furnace.measured()[1]
        wanted = 630.0 if step < 300 else 590.0
        u = heaters.step(np.array([wanted]), T)
        at += min(max(wanted - at, -10.0 * dt), 10.0 * dt)
        loop.move(at, t)
        loop.sample(float(T[0]), t)
        power = min(max(min(max(loop.state.v, 0.0), 1.0), power - 0.5 * dt), power + 0.5 * dt)
        loop.settle(power)
        assert float(u[0]) == pytest.approx(power, abs=1e-9)
        furnace.step(u)


def test_the_forecast_tells_the_policy_from_holding(policy):
    loop = Loop(Furnace(), TUNING, LIMITS, 560.0, 0.4)
    outlook = Outlook(policy, seen(S=0.3, T=560.0), 100.0, loop)
    turns = 1
    while not outlook.work(20):
        turns += 1
    assert turns == round(HORIZON_S / 20)
    f = outlook.forecast
    assert len(f.t) == len(f.S) == len(f.T) == len(f.F) == len(f.held) == 61
    assert f.t[0] == 100.0
    assert all(low <= mid <= high for low, mid, high in (*f.S, *f.T, *f.F))
    assert f.S[0][1] == pytest.approx(0.3, abs=0.01)
    assert 50 < f.ordered_s[0] < 150
    assert f.held_s[1] == np.inf
    assert f.gain_meV > 3
    assert f.sure > 0.7
