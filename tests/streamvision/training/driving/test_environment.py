"""The drive as an environment: what gymnasium and stable-baselines3 ask of one, rewards, observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from streamvision.core.picture import Picture  # noqa: E402
from streamvision.synthetic.driving import Situation  # noqa: E402
from streamvision.training.driving.environment import (  # noqa: E402
    DriveEnv,
    DriveOptions,
    headway_s,
    observed_values,
    seen_vector,
    wanted_speed_m_s,
)

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("observation", ["vector", "frame"])
@pytest.mark.filterwarnings("ignore:.*alternative render modes.*")
def test_it_is_an_environment_by_gymnasium_s_and_stable_baselines3_s_checks(observation: str) -> None:
    from gymnasium.utils.env_checker import check_env

    options = DriveOptions(seeds=(3,), observation=observation)  # type: ignore[arg-type]
    check_env(DriveEnv(options), skip_render_check=True)
    pytest.importorskip("stable_baselines3.common.env_checker").check_env(DriveEnv(options))


def test_one_who_steers_onto_the_lane_earns_more_than_one_who_does_not() -> None:
    earned = {}
    for driver in ("steers", "holds still"):
        env = DriveEnv(DriveOptions(seeds=(3,), seconds=10))
        vector, _ = env.reset(seed=1)
        total, over = 0.0, False
        while not over:
            steering = 3.0 * float(vector[0]) if driver == "steers" else 0.0
            action = np.array([np.clip(steering, -1, 1), 0.0], np.float32)
            vector, reward, ended, truncated, _ = env.step(action)
            total, over = total + reward, ended or truncated
        earned[driver] = total
    assert earned["steers"] > earned["holds still"] + 20


def test_the_vector_is_the_truth_and_noise_is_as_large_as_asked() -> None:
    quiet = DriveEnv(DriveOptions(seeds=(3,)))
    noisy = DriveEnv(DriveOptions(seeds=(3,), noise=0.1))
    drawn = np.array([noisy.reset(seed=seed)[0] - quiet.reset(seed=seed)[0] for seed in range(150)])
    assert np.allclose(quiet.reset(seed=5)[0], seen_vector(observed_values(quiet._world.situation())))
    assert drawn.std(axis=0)[:-1] == pytest.approx(0.1, rel=0.3)
    assert drawn.std(axis=0)[-1] == 0  # the own speed is measured


def test_who_follows_too_closely_or_brakes_hard_earns_less() -> None:
    env = DriveEnv(DriveOptions(seeds=(3,)))
    env.reset(seed=1)
    far, near = (replace(env._world.situation(), speed_m_s=10.0, gap_m=gap_m) for gap_m in (40.0, 5.0))
    assert (headway_s(far), headway_s(near)) == (4.0, 0.5)
    close, hard, smooth = (
        env._reward(replace(situation, offset_m=0.0), 0.0, acceleration)
        for situation, acceleration in ((near, 0.0), (far, -6.0), (far, -1.0))
    )
    assert smooth - hard == pytest.approx(0.5)
    assert close < smooth - 0.5


def test_the_limit_may_come_from_elsewhere_and_is_forgotten_with_each_drive() -> None:
    class Crawling:
        begun = 0

        def begin(self) -> None:
            self.begun += 1

        def limit_m_s(self, situation: Situation, picture: Callable[[], Picture]) -> float:
            assert picture().width_px == 960
            return 2.0

    limit = Crawling()
    env = DriveEnv(DriveOptions(seeds=(3,)), limit=limit)
    env.reset(seed=1)
    for _ in range(40):
        *_, info = env.step(np.array([0.0, 1.0], np.float32))
    assert info["speed_m_s"] < 2.5 and limit.begun == 1


def test_a_frame_is_what_the_car_sees() -> None:
    env = DriveEnv(DriveOptions(seeds=(3,), observation="frame"), render_mode="rgb_array")
    frame, _ = env.reset(seed=1)
    assert frame.shape == (54, 96, 3)
    assert env.render().shape == (360, 640, 3)
    moved, *_ = env.step(np.array([1.0, 1.0], np.float32))
    assert (moved != frame).any()


def test_the_wanted_speed_is_the_seen_one_and_what_the_action_adds() -> None:
    assert [wanted_speed_m_s(action, seen_m_s=8.0) for action in (-3.0, -1.0, 0.0, 0.5)] == [4.0, 4.0, 8.0, 10.0]
    assert wanted_speed_m_s(-1.0, seen_m_s=2.0) == 0.0
    assert wanted_speed_m_s(1.0, seen_m_s=18.0) == 20.0
