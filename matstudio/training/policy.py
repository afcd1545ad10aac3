"""The policy's training: proximal policy optimisation on many anneals at once.

J. Schulman et al., arXiv:1707.06347, as stable-baselines3 has it, which only the training needs. Seeded, and resumable
from a checkpoint that nothing has to unpickle.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from matstudio.control import policy
from matstudio.modalities.weights import save_weights
from matstudio.training import checkpoint
from matstudio.training.annealing import HORIZON_S, REWARD_MEV, Anneals, Array, varied
from matstudio.training.loop import Progress

ROUNDS = 120
SIDE_BY_SIDE, _WIDTH = 384, 64
_DECISIONS = round(HORIZON_S / policy.PERIOD_S)
_RATE, _LEAST_RATE = 1e-3, 2e-5
_LIMIT = 10.0


def spaces(controls: tuple[str, ...]) -> tuple[gym.spaces.Box, gym.spaces.Box]:
    """Of what a policy sees, and of its actions."""
    count = len(policy.NAMES) + 2 * (len(controls) - 1)
    return gym.spaces.Box(-_LIMIT, _LIMIT, (count,), np.float32), gym.spaces.Box(-1, 1, (len(controls),), np.float32)


def _reward(free_energy: Array) -> Array:
    return (-free_energy / REWARD_MEV).astype(np.float32)


class AnnealEnv(gym.Env[Array, Array]):
    """One anneal of 600 s as a gymnasium environment; it ends by its horizon alone (truncated), never by its success.

    Args:
        controls: what the actions set, "temperature" first.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  gymnasium's own way

    def __init__(self, controls: tuple[str, ...] = policy.ALONE) -> None:
        self.controls = controls
        self.observation_space, self.action_space = spaces(controls)
        self._anneals: Anneals | None = None
        self._count = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Another furnace and alloy, at the beginning of an anneal or in its midst."""
        super().reset(seed=seed)
        self._anneals, self._count = Anneals(varied(self.np_random, 1), 1, self.np_random), 0
        return self._seen(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Five seconds with the setpoints that the action stands for."""
        if self._anneals is None:
            raise RuntimeError("reset the environment first")
        free_energy = self._anneals.decide(policy.setpoints(np.asarray(action)[None], self.controls))
        self._count += 1
        info = {"S": float(self._anneals.furnaces.S[0])}
        return self._seen(), float(_reward(free_energy)[0]), False, self._count >= _DECISIONS, info

    def _seen(self) -> Array:
        assert self._anneals is not None
        return np.asarray(np.clip(policy.features(self._anneals.seen, self.controls)[0], -_LIMIT, _LIMIT))


class _Many(VecEnv):
    """The same for many anneals that begin and end together, which is as many times faster."""

    def __init__(self, controls: tuple[str, ...], seed: int) -> None:
        super().__init__(SIDE_BY_SIDE, *spaces(controls))
        self.controls, self.first, self.round = controls, seed, 0
        self.low = np.full(self.observation_space.shape or (), np.inf, np.float32)
        self.high = -self.low

    def reset(self) -> Array:
        rng = np.random.default_rng([self.first, self.round])
        self._anneals, self._count = Anneals(varied(rng, self.num_envs), self.num_envs, rng), 0
        return self._seen()

    def step_async(self, actions: Array) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        rewards = _reward(self._anneals.decide(policy.setpoints(self._actions, self.controls)))
        self._count += 1
        seen, over = self._seen(), self._count >= _DECISIONS
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if over:
            infos = [{"terminal_observation": one, "TimeLimit.truncated": True} for one in seen]
            self.round += 1
            seen = self.reset()
        return seen, rewards, np.full(self.num_envs, over), infos

    def _seen(self) -> Array:
        return np.asarray(np.clip(policy.features(self._anneals.seen, self.controls), -_LIMIT, _LIMIT))

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


@dataclass
class PolicyTraining:
    """A training as far as it is.

    Args:
        name: "policy" or "policy3".
        seed: of everything.
        rounds: after which the learning rate has fallen to its least; one is 384 anneals of 600 s.
    """

    name: str
    seed: int = 1
    rounds: int = ROUNDS
    done: int = 0
    spent_s: float = 0.0
    reward: float = 0.0

    def __post_init__(self) -> None:
        self.controls = policy.POLICIES[self.name]
        self._env = _Many(self.controls, self.seed)
        self._ppo = PPO(
            "MlpPolicy",
            self._env,
            learning_rate=lambda _: _LEAST_RATE + (_RATE - _LEAST_RATE) * max(0.0, 1 - self.done / self.rounds),
            n_steps=_DECISIONS,
            batch_size=SIDE_BY_SIDE * _DECISIONS // 8,
            n_epochs=10,
            gamma=0.99,
            gae_lambda=0.95,
            policy_kwargs={"net_arch": [_WIDTH, _WIDTH], "log_std_init": -1.5},
            seed=self.seed,
            device="cpu",
        )

    def learn(self) -> None:
        """One round."""
        torch.manual_seed(self.seed * 100_003 + self.done)
        np.random.seed((self.seed * 100_003 + self.done) % 2**32)  # noqa: NPY002  the order of its batches is drawn there
        self._env.round = self.done
        start = time.monotonic()
        self._ppo._last_obs = None
        self._ppo.learn(SIDE_BY_SIDE * _DECISIONS, reset_num_timesteps=False)
        self.spent_s += time.monotonic() - start
        self.done += 1
        buffer = self._ppo.rollout_buffer
        self.reward = float(buffer.rewards.mean())
        self._seen = np.quantile(buffer.observations.reshape(-1, buffer.observations.shape[-1]), (0.001, 0.999), axis=0)

    def save(self, folder: Path) -> None:
        """Leave a checkpoint; one that stands there is replaced as a whole."""
        facts = {"name": self.name, "seed": self.seed, "rounds": self.rounds, "done": self.done}
        net = self._ppo.policy
        checkpoint.save(folder, checkpoint.state(net, net.optimizer), facts | {"spent_s": self.spent_s})

    @classmethod
    def resume(cls, name: str, folder: Path, rounds: int | None = None) -> PolicyTraining:
        """Go on from a checkpoint, to another number of rounds if one is given.

        Raises:
            ValueError: there is none, or it is damaged or of another policy; one line.
        """
        path = folder / checkpoint.NAME
        tensors, facts = checkpoint.read(folder)
        if facts.get("name") != name:
            raise ValueError(f"{path}: of {facts.get('name', 'an unknown policy')}, not {name}")
        if facts["done"] >= (rounds or facts["rounds"]):
            raise ValueError(f"{path}: has {facts['done']} rounds already")
        made = cls(name, facts["seed"], rounds or facts["rounds"], facts["done"], facts["spent_s"])
        checkpoint.restore(made._ppo.policy, made._ppo.policy.optimizer, tensors)
        return made

    def policy(self) -> policy.Policy:
        """What was learnt so far; after a round."""
        arrays = self._arrays()
        layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(3)]
        return policy.Policy(layers, arrays["low"], arrays["high"], self.controls, self.version)

    @property
    def version(self) -> str:
        """Of the weights."""
        return f"{self.done}-{self.seed}"

    def write(self, folder: Path) -> str:
        """Write the weights as `NAME.safetensors`; returns their checksum."""
        facts = {
            "model": self.name,
            "architecture": policy.ARCHITECTURE,
            "version": self.version,
            "controls": json.dumps(self.controls),
        }
        tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in self._arrays().items()}
        return save_weights(folder / f"{self.name}.safetensors", tensors, facts)

    def _arrays(self) -> dict[str, Array]:
        net = self._ppo.policy
        linear = [m for m in (*net.mlp_extractor.policy_net, net.action_net) if isinstance(m, torch.nn.Linear)]
        found = {"low": self._seen[0].astype(np.float32), "high": self._seen[1].astype(np.float32)}
        for i, layer in enumerate(linear):
            found[f"weight{i}"] = layer.weight.detach().numpy().T.copy()
            found[f"bias{i}"] = layer.bias.detach().numpy().copy()
        return found


def train(
    training: PolicyTraining,
    folder: Path,
    *,
    every_s: float = 60.0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Train to the end, with a checkpoint every minute, at the end, and where it is interrupted."""
    saved = time.monotonic()
    try:
        while training.done < training.rounds:
            training.learn()
            report(Progress(training.done, training.rounds, -training.reward, training.spent_s / training.done))
            if time.monotonic() - saved > every_s:
                training.save(folder)
                saved = time.monotonic()
    finally:
        training.save(folder)
