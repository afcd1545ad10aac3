"""The policy's training: a gymnasium environment that ends by its horizon alone, seeded, and resumable to the bit."""

import numpy as np
import pytest

from matstudio.control import policy as room
from matstudio.control.policy import Policy
from matstudio.training import policy as training
from matstudio.training.policy import AnnealEnv, PolicyTraining, train


def test_it_is_an_environment_as_gymnasium_wants_it():
    from gymnasium.utils.env_checker import check_env

    for controls in (room.ALONE, room.ALL):
        check_env(AnnealEnv(controls), skip_render_check=True)


def test_success_ends_nothing_and_order_is_what_is_rewarded():
    """With an end at the goal and R = -F staying just below it would be worth more than reaching it."""
    env = AnnealEnv()
    env.reset(seed=3)
    rewards, orders = [], []
    for step in range(120):
        _, reward, ended, cut, info = env.step(np.array([0.25 if step < 60 else 0.05], np.float32))
        assert not ended
        assert cut == (step == 119)
        rewards.append(reward)
        orders.append(info["S"])
    assert max(orders) > 0.85
    assert np.corrcoef(rewards, orders)[0, 1] > 0.95


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(training, "SIDE_BY_SIDE", 8)


def test_a_resumed_training_is_the_same_and_its_policy_loads(small, tmp_path):
    whole = PolicyTraining("policy", 5, 2)
    told = []
    train(whole, tmp_path, report=lambda at: told.append((at.step, at.steps)))
    assert told == [(1, 2), (2, 2)]
    part = tmp_path / "part"
    part.mkdir()
    first = PolicyTraining("policy", 5, 2)
    first.learn()
    first.save(part)
    second = PolicyTraining.resume("policy", part)
    train(second, part)
    for a, b in zip(whole.policy().layers, second.policy().layers, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
    second.write(part)
    loaded = Policy.load("policy", part)
    assert (loaded.version, loaded.controls) == ("2-5", room.ALONE)
    with pytest.raises(ValueError, match="has 2 rounds already"):
        PolicyTraining.resume("policy", part)
    with pytest.raises(ValueError, match="of policy, not policy3"):
        PolicyTraining.resume("policy3", part)
    (part / "checkpoint.safetensors").write_bytes(b"{}")
    with pytest.raises(ValueError, match="no checkpoint that can be read"):
        PolicyTraining.resume("policy", part)
