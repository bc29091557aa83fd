"""An agent learns, goes on where it was stopped, and becomes one file with the network that sees for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("stable_baselines3")
torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from streamvision.checkpoints import open_source  # noqa: E402
from streamvision.checkpoints.answers import Answers, AnswersSource  # noqa: E402
from streamvision.cli.train_agent import train_agent as command  # noqa: E402
from streamvision.core.errors import ConfigError, ModelError  # noqa: E402
from streamvision.core.picture import BgrPicture  # noqa: E402
from streamvision.evaluation.model import open_model  # noqa: E402
from streamvision.inference.model_card import KnownCard, NumberCard  # noqa: E402
from streamvision.synthetic.driving.network import BOUND, OBSERVED, OWN_SPEED, SCALES  # noqa: E402
from streamvision.training.driving import agent_runs, ppo  # noqa: E402
from streamvision.training.progress import TrainingProgress  # noqa: E402
from streamvision.training.report import CurveFile  # noqa: E402
from streamvision.training.run_folder import RunFolder  # noqa: E402
from streamvision.training.session import note_command  # noqa: E402
from streamvision.training.torchvision_run import build_classifier  # noqa: E402

pytestmark = pytest.mark.reference
ENVIRONMENTS, STEPS = 2, 64
KNOWN = (KnownCard(name=OWN_SPEED, unit="m/s", largest=20.0), KnownCard(name="stood_ago", unit="s", largest=8.0))


def perception_of(path: Path, *names: str) -> Path:
    """Write the checkpoint of a network of random weights with these numbers."""
    torch.manual_seed(0)
    cards = tuple(NumberCard(name=name) for name in names)
    answers = Answers((), None, cards, (0.5,) * len(names), (1.0,) * len(names), KNOWN, stretches=True)
    network = build_classifier("pilotnet", classes=len(names), side_px=64)
    about = {"architecture": "pilotnet", "names": [], "imgsz": 64, "size_px": [64, 64], "epoch": 1}
    torch.save(about | {"model": network.state_dict(), "answers": answers.to_checkpoint()}, path)
    return path


def learn(folder: RunFolder, perception: Path, *, epochs: int, resume: bool) -> dict[str, Any]:
    folder.last.parent.mkdir(parents=True, exist_ok=True)
    note_command(folder, "streamvision train-agent")
    recipe = ppo.AgentRecipe(perception=str(perception), steps=epochs * ENVIRONMENTS * STEPS, roads=1)
    return ppo.train_agent(recipe, folder, TrainingProgress(), resume=resume)


def learner(folder: RunFolder) -> Any:
    model = ppo._learner(ppo.AgentRecipe(perception="", roads=1))
    ppo.load_learner(model, folder.last)
    return model


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no ONNX file can be kept: for tests that look at none, since making one takes seconds."""
    monkeypatch.setattr(ppo, "_export", lambda *_: {})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("_ENVIRONMENTS", ENVIRONMENTS),
        ("_ROLLOUT_STEPS", STEPS),
        ("_HELD_OUT_DRIVES", 1),
        ("_CHECKED_PICTURES", 2),
    ):
        monkeypatch.setattr(ppo, name, value)


@pytest.mark.usefixtures("small")
def test_an_agent_learns_goes_on_and_is_one_file_with_its_perception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perception, folder = (
        perception_of(tmp_path / "perception.pt", "steering", "speed", "gap", "lane_20", "lane_10"),
        RunFolder(tmp_path / "run"),
    )
    with monkeypatch.context() as stopped:
        stopped.setattr(ppo, "_finish", lambda *_: {})  # a run that was stopped had come no further
        learn(folder, perception, epochs=1, resume=False)
    before = learner(folder)
    summary = learn(folder, perception, epochs=2, resume=True)
    after = learner(folder)
    assert (before.num_timesteps, after.num_timesteps) == (ENVIRONMENTS * STEPS, 2 * ENVIRONMENTS * STEPS)
    assert [row["epoch"] for row in CurveFile(folder.curves_csv).rows()] == [1, 2]
    assert any((a != b).any() for a, b in zip(before.policy.parameters(), after.policy.parameters(), strict=True))
    assert summary["onnx_checked"].startswith("equal")
    seen = np.random.default_rng(0).normal(0, 1, (5, len(OBSERVED))).astype(np.float32)
    with torch.no_grad():
        ours = ppo.policy_of(after)(torch.from_numpy(seen)).numpy()
    assert ours == pytest.approx(after.predict(seen, deterministic=True)[0], abs=1e-5)  # within the bounds of actions

    pixels = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    picture = BgrPicture(pixels, {OWN_SPEED: 20 * 102 / 255, "stood_ago": 3.0})
    with open_model(perception) as sees, open_model(Path(summary["onnx"])) as drives:
        said, driven = (model.find([picture])[0].image_result for model in (sees, drives))
    assert said is not None and driven is not None
    told = (said.values or {}) | {OWN_SPEED: 8.0}
    values = np.array([[told[name] for name in OBSERVED]], np.float32) / np.array(SCALES, np.float32)
    stored = torch.load(folder.best, weights_only=True)
    policy = ppo.Policy().eval()
    policy.load_state_dict(stored["model"])
    with torch.no_grad():
        action = policy(torch.from_numpy(values).clamp(-BOUND, BOUND)).clamp(-1, 1)[0].tolist()
    assert driven.values == pytest.approx(
        {"steering": action[0], "speed": min(max((said.values or {})["speed"] + 4 * action[1], 0.0), 20.0)}, abs=1e-3
    )
    source = open_source(folder.best)
    assert source.card.source.startswith("PPO, ") and source.card.input.known == KNOWN
    assert "on the held-out roads" in folder.card.read_text(encoding="utf-8").lower()
    page = folder.report.read_text(encoding="utf-8")
    assert page.count("<tr") == 2 + 2 + len(summary["recipe"])  # rounds and settings, each below its heading
    assert page.count("<svg") >= 7 and "data:image/" in page and "beside the middle of the lane (m)" in page
    assert summary["in_lane_s"] <= summary["drive_s"] <= 30


def test_agents_of_earlier_versions_which_know_no_speed_are_opened(tmp_path: Path) -> None:
    perception = torch.load(perception_of(tmp_path / "p.pt", "speed", "lane_20", "lane_10"), weights_only=True)
    perception["answers"] = {k: v for k, v in perception["answers"].items() if k not in ("known", "stretches")}
    stored = {"architecture": "drive_agent", "names": ["picture"], "imgsz": 64, "perception": perception}
    torch.save(stored | {"model": ppo.Policy(3).state_dict(), "steps": 1}, tmp_path / "old.pt")
    source = open_source(tmp_path / "old.pt")
    assert not source.card.input.known and source.card.input.resize == "crop_center"
    with torch.no_grad():
        steering, speed = source.module()(torch.zeros(2, 3, 64, 64))
    assert steering.shape == speed.shape == (2, 1)


@pytest.mark.parametrize("inputs", [0, 1, 4, len(OBSERVED) + 1])
def test_agents_that_no_version_leaves_are_refused(inputs: int, tmp_path: Path) -> None:
    perception = torch.load(perception_of(tmp_path / "p.pt", "speed", "gap", "lane_20", "lane_10"), weights_only=True)
    stored = {"architecture": "drive_agent", "names": ["picture"], "imgsz": 64, "perception": perception}
    policy = ppo.Policy(3).state_dict() | {"0.weight": torch.zeros(64, inputs)}
    torch.save(stored | {"model": policy, "steps": 1}, tmp_path / "odd.pt")
    with pytest.raises(ModelError, match=f"is given {inputs} numbers, and agents are given 3 or 5"):
        open_source(tmp_path / "odd.pt")


def test_more_known_numbers_than_an_input_has_bands_for_are_refused(tmp_path: Path) -> None:
    stored = torch.load(perception_of(tmp_path / "p.pt", "steering", "speed"), weights_only=True)
    stored["answers"]["known"] = [KNOWN[0].model_dump()] * 5
    torch.save(stored, tmp_path / "p.pt")
    with pytest.raises(ModelError, match="is given 5 numbers beside a picture, and a run gives 4 at most"):
        open_source(tmp_path / "p.pt")


def test_eyes_that_do_not_see_the_lane_are_refused(tmp_path: Path) -> None:
    perception = perception_of(tmp_path / "perception.pt", "speed", "gap", "lane_10")
    with pytest.raises(ModelError, match="does not give lane_20; give one that learnt"):
        learn(RunFolder(tmp_path / "run"), perception, epochs=1, resume=False)
    assert isinstance(open_source(perception), AnswersSource)
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="is not what an agent learns on from"):
        ppo.load_learner(ppo._learner(ppo.AgentRecipe(perception="", roads=1)), tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=r"is not the checkpoint of a network with numbers; give the best\.pt"):
        learn(RunFolder(tmp_path / "run"), tmp_path / "other.pt", epochs=1, resume=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either PERCEPTION"),
        (["a.pt", "--resume", "run"], "give either PERCEPTION"),
        (["--resume", "none"], "holds no agent"),
        (
            ["--resume", "none", "--steps", "300000"],
            "goes on with the run's own recipe (none/recipe.yaml); leave --steps out",
        ),
        (
            ["--resume", "none", "--name", "other"],
            "goes on with the run's own recipe (none/recipe.yaml); leave --name out",
        ),
    ],
)
def test_what_the_command_refuses(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, ConfigError)
    assert words in str(result.exception)


def test_a_run_of_another_kind_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.last.parent.mkdir()
    folder.last.write_bytes(b"weights")
    folder.recipe.write_text("data: signs\nmodel: yolox_s\n", encoding="utf-8")
    result = CliRunner().invoke(command, ["--resume", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert str(folder.recipe) in str(result.exception)


@pytest.mark.usefixtures("small", "unexported")
def test_the_best_policy_is_there_after_a_run_that_was_killed_while_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perception = perception_of(tmp_path / "perception.pt", "steering", "speed", "gap", "lane_20", "lane_10")
    folder = RunFolder(tmp_path / "run")
    with monkeypatch.context() as killed:
        killed.setattr(ppo, "_save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learn(folder, perception, epochs=1, resume=False)
    learn(folder, perception, epochs=1, resume=True)
    assert torch.load(folder.best, weights_only=True)["steps"] == ENVIRONMENTS * STEPS


@pytest.mark.usefixtures("small", "unexported")
def test_agents_of_several_seeds_learn_on_the_same_roads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    perception = perception_of(tmp_path / "perception.pt", "steering", "speed", "gap", "lane_20", "lane_10")
    recipe = ppo.AgentRecipe(perception=str(perception), steps=ENVIRONMENTS * STEPS, roads=1, seed=3)
    where: dict[str, Any] = {"project": tmp_path, "name": "both", "command": "streamvision train-agent"}
    with monkeypatch.context() as stopped:
        stopped.setattr(ppo, "_finish", lambda *_: {})  # both were killed before their ends
        with pytest.raises(ConfigError, match="that of a training that has ended"):
            agent_runs.start_agents(recipe, 2, **where)
    summary = agent_runs.resume_agent(tmp_path / "both", command="streamvision train-agent --resume both")
    assert [one["seed"] for one in summary["seeds"]] == [3, 4]
    assert "sd between seeds, on the same held-out roads" in (tmp_path / "both" / "MODEL_CARD.md").read_text()
    assert "time in lane (s)" in summary["sentence"] and (tmp_path / "both" / "seeds.png").is_file()
    recipes = [yaml.safe_load((tmp_path / "both" / f"seed-{seed}" / "recipe.yaml").read_text()) for seed in (3, 4)]
    assert [(one["seed"], one["first_road"]) for one in recipes] == [(3, 3), (4, 3)]
    with pytest.raises(ConfigError, match=r"all seeds in .* have ended"):
        agent_runs.resume_agent(tmp_path / "both", command="")
    (tmp_path / "both" / "recipe.yaml").write_text("perception: [1]\nother: 2\n")
    with pytest.raises(ConfigError, match=r"recipe\.yaml"):
        agent_runs.resume_agent(tmp_path / "both", command="")


def test_what_resuming_would_pass_over_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--resume", str(tmp_path), "--steps", "5"])
    assert isinstance(done.exception, ConfigError) and "leave --steps out" in str(done.exception)
