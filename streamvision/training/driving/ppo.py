"""Proximal policy optimisation in the drive (Schulman et al., arXiv:1707.06347), as stable-baselines3 has it.

The agent learns on the truth of what a network sees, with noise, which takes a minute for what would take days from
pixels, and drives on what that network really sees; both become one file, proven like any other. This file imports
torch and stable-baselines3.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.onnx.conversion import save, to_onnx
from exporters.parity.gate import Gate
from exporters.pictures import drawn_pictures
from exporters.targets.onnx import OnnxTarget
from streamvision.checkpoints.answers import AnswersSource
from streamvision.checkpoints.base import StoredRun
from streamvision.checkpoints.checkpoint_file import read_checkpoint, read_run
from streamvision.checkpoints.drive_agent import ARCHITECTURE, PERCEPTION, WIDTH, DriveAgentSource, Policy, seen_at
from streamvision.core.errors import ConfigError, ExportError, ModelError
from streamvision.core.files import write_whole
from streamvision.synthetic.driving.rule_driver import MOST_GAP_M
from streamvision.training.driving.agent_recipe import AgentRecipe
from streamvision.training.driving.agent_report import AgentDrive, write_agent_card, write_agent_report
from streamvision.training.driving.environment import SAFE_HEADWAY_S, DriveEnv, DriveOptions
from streamvision.training.figures import OF_AGENTS as FIGURES
from streamvision.training.progress import TrainingProgress, clock
from streamvision.training.report import CurveFile
from streamvision.training.run_folder import RunFolder
from streamvision.training.tensor_file import write_tensors

RETURN = "reward"
"""The figure by which the best policy is chosen: the mean sum of rewards of a held-out drive."""
_ENVIRONMENTS = 8
_ROLLOUT_STEPS = 256
_HELD_OUT_DRIVES = 6
_CHECKED_PICTURES = 6
_TRACED_FRAMES = 4


def train_agent(recipe: AgentRecipe, folder: RunFolder, progress: TrainingProgress, *, resume: bool) -> dict[str, Any]:
    """Learn to the end of the recipe, and export the best policy on held-out roads with its perception.

    Args:
        recipe: what to do.
        folder: where everything goes; ``weights/last.pt`` is what a later call goes on from.
        progress: shows how far the run is.
        resume: whether to go on.

    Raises:
        ConfigError: when there is no such network.
        ModelError: when they do not see what the policy needs.
    """
    stored = read_run(Path(recipe.perception))
    if stored is None or "answers" not in stored:
        raise ConfigError(
            f"{recipe.perception} is not the checkpoint of a network with numbers; give the best.pt that "
            "configs/train-driver.yaml leaves"
        )
    seen_at(AnswersSource.of_run(StoredRun(stored=stored, path=Path(recipe.perception))))
    torch.set_num_threads(1)
    options = _roads(recipe, held_out=True)
    model = _learner(recipe)
    curves, per_epoch = CurveFile(folder.curves_csv), _ENVIRONMENTS * _ROLLOUT_STEPS
    if resume:
        load_learner(model, folder.last)
        if (
            int(curves.best(RETURN)["epoch"]) == model.num_timesteps // per_epoch
        ):  # killed perhaps before the best one was written
            _save(folder.best, model, stored)
    epochs, spent_s = -(-recipe.steps // per_epoch), _spent_s(curves)
    for epoch in range(model.num_timesteps // per_epoch + 1, epochs + 1):
        begin_s = time.monotonic()
        model.learn(per_epoch, reset_num_timesteps=False)
        figures = _held_out(model, recipe)
        spent_s += time.monotonic() - begin_s
        curves.append(epoch, {"steps": model.num_timesteps} | figures | {"lr": recipe.lr, "time_s": spent_s})
        best = int(curves.best(RETURN)["epoch"]) == epoch
        _save_learner(model, folder.last)
        if best:
            _save(folder.best, model, stored)
        progress.say(
            f"{model.num_timesteps:,} of {epochs * per_epoch:,} steps: reward {figures[RETURN]:.1f} a drive, "
            f"{figures['drive_s']:.1f} s of {options.seconds:.0f} driven, {figures['in_lane_s']:.1f} s in lane, "
            f"{figures['offset_m']:.2f} m beside the middle{', the best so far' * best}, "
            f"{clock(spent_s / epoch * (epochs - epoch))} left"
        )
    _join(folder.best, stored)
    return _finish(recipe, folder, progress, curves)


def _join(path: Path, perception: dict[str, Any]) -> None:
    """Give the best policy the network that sees as it is now, which may have learnt more since the run began."""
    best = read_run(path)
    assert best is not None
    write_tensors(path, best | {PERCEPTION: _kept(perception)})


def _finish(recipe: AgentRecipe, folder: RunFolder, progress: TrainingProgress, curves: CurveFile) -> dict[str, Any]:
    """Export the best policy, and write what people and programs read of the run."""
    rows, best_row = curves.rows(), curves.best(RETURN)
    summary: dict[str, Any] = {"task": "drive", "run": str(folder.root), "best": str(folder.best)}
    summary |= {"last": str(folder.last), "best_epoch": int(best_row["epoch"]), "steps": int(rows[-1]["steps"])}
    summary |= {name: best_row[name] for name in FIGURES} | {"training_s": round(rows[-1]["time_s"], 1)}
    summary |= {"recipe": recipe.model_dump()} | _export(folder, best_row, progress)
    trace = _trace(folder, recipe)
    summary |= {"report": str(folder.report)}
    write_agent_card(folder, recipe, summary, rows[-1])
    write_agent_report(folder.report, recipe, summary, rows, trace)
    write_whole(folder.summary, json.dumps(summary, indent=1))
    return summary


def _roads(recipe: AgentRecipe, *, held_out: bool) -> DriveOptions:
    """Return the environment's options."""
    first = (recipe.seed if recipe.first_road is None else recipe.first_road) + (recipe.roads if held_out else 0)
    seeds = range(first, first + (2 if held_out else recipe.roads))
    return DriveOptions(seeds=tuple(seeds), noise=recipe.noise)


def _learner(recipe: AgentRecipe) -> PPO:
    options = _roads(recipe, held_out=False)
    environments = DummyVecEnv([lambda: DriveEnv(options) for _ in range(_ENVIRONMENTS)])
    environments.seed(recipe.seed)
    return PPO(
        "MlpPolicy",
        environments,
        learning_rate=recipe.lr,
        n_steps=_ROLLOUT_STEPS,
        batch_size=256,
        n_epochs=8,
        gamma=0.97,
        policy_kwargs={
            "net_arch": {"pi": [WIDTH, WIDTH], "vf": [WIDTH, WIDTH]},
            "activation_fn": torch.nn.Tanh,
            "log_std_init": -1.0,
        },
        seed=recipe.seed,
        device="cpu",
    )


def _save_learner(model: PPO, path: Path) -> None:
    """Write what learning goes on from as tensors and numbers alone; PPO's own files run code when they are read."""
    state = {"policy": model.policy.state_dict(), "optimizer": model.policy.optimizer.state_dict()}
    write_tensors(path, state | {"steps": model.num_timesteps})


def load_learner(model: PPO, path: Path) -> None:
    """Let a learner go on where another was.

    Raises:
        ModelError: when the file is not that of a learner.
    """
    stored = read_checkpoint(path)
    try:
        model.policy.load_state_dict(stored["policy"])
        model.policy.optimizer.load_state_dict(stored["optimizer"])
        model.num_timesteps = int(stored["steps"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is not what an agent learns on from; start a new run") from error


def _spent_s(curves: CurveFile) -> float:
    rows = curves.rows()
    return rows[-1]["time_s"] if rows else 0.0


def _held_out(model: PPO, recipe: AgentRecipe) -> dict[str, float]:
    env = DriveEnv(_roads(recipe, held_out=True))
    returns, seconds, offsets, in_lane, close = [], [], [], [], []
    for drive in range(_HELD_OUT_DRIVES):
        seen, _ = env.reset(seed=1000 + drive)
        total, steps, over = 0.0, 0, False
        while not over:
            action, _ = model.predict(seen, deterministic=True)
            seen, reward, ended, truncated, info = env.step(np.clip(action, -1, 1))
            total, steps, over = total + reward, steps + 1, ended or truncated
            offsets.append(abs(info["offset_m"]))
            in_lane.append(info["in_lane"])
            close.append(info["headway_s"] < SAFE_HEADWAY_S)
        returns.append(total)
        seconds.append(steps * env.options.step_s)
    return {
        RETURN: float(np.mean(returns)),
        "drive_s": float(np.mean(seconds)),
        "in_lane_s": sum(in_lane) * env.options.step_s / _HELD_OUT_DRIVES,
        "offset_m": float(np.mean(offsets)),
        "close_share": float(np.mean(close)),
    }


def _trace(folder: RunFolder, recipe: AgentRecipe) -> AgentDrive:
    """Let the best policy drive once on a held-out road, and write down how."""
    stored = read_run(folder.best)
    assert stored is not None
    policy = Policy().eval()
    policy.load_state_dict(stored["model"])
    env = DriveEnv(_roads(recipe, held_out=True))
    trace, over = AgentDrive(env.options.step_s), False
    seen, _ = env.reset(seed=1000)
    every = max(round(env.options.seconds / env.options.step_s) // _TRACED_FRAMES, 1)
    while not over:
        if len(trace.speed_m_s) % every == 0:
            trace.frames.append((len(trace.speed_m_s) * env.options.step_s, env.render()))
        with torch.no_grad():
            action = policy(torch.from_numpy(seen)[None]).clamp(-1, 1)[0].numpy()
        seen, _, ended, truncated, info = env.step(action)
        over = ended or truncated
        trace.speed_m_s.append(info["speed_m_s"])
        trace.limit_m_s.append(info["limit_m_s"])
        trace.gap_m.append(min(info["gap_m"], MOST_GAP_M))
        trace.offset_m.append(info["offset_m"])
    return trace


def policy_of(model: PPO) -> Policy:
    """Return the means of a learner's policy as a network of their own."""
    hidden, last = model.policy.mlp_extractor.policy_net, model.policy.action_net
    policy = Policy()
    layers = [layer for layer in (*hidden, last) if isinstance(layer, torch.nn.Linear)]
    own = [layer for layer in policy if isinstance(layer, torch.nn.Linear)]
    for theirs, ours in zip(layers, own, strict=True):
        ours.load_state_dict(theirs.state_dict())
    return policy.eval()


def _kept(perception: dict[str, Any]) -> dict[str, Any]:
    return {key: perception[key] for key in ("architecture", "names", "imgsz", "size_px", "epoch", "model", "answers")}


def _save(path: Path, model: PPO, perception: dict[str, Any]) -> None:
    state = {"architecture": ARCHITECTURE, "names": ["picture"], "imgsz": perception["imgsz"]}
    state[PERCEPTION] = _kept(perception)
    write_tensors(path, state | {"model": policy_of(model).state_dict(), "steps": model.num_timesteps})


def _export(folder: RunFolder, best: dict[str, float], progress: TrainingProgress) -> dict[str, Any]:
    stored = read_run(folder.best)
    assert stored is not None
    source = DriveAgentSource.of_run(StoredRun(stored=stored, path=folder.best))
    options = ExportOptions(dynamic_batch=True)
    try:
        onnx, card = to_onnx(source, options)
    except ExportError as error:  # what was learnt is kept
        progress.say(f"No ONNX file was made: {error}")
        return {}
    measured = {name: best[name] for name in FIGURES}
    path = save(onnx, card.model_copy(update={"measured": measured}), folder.best.with_suffix(".onnx"))
    artifact = UnverifiedArtifact("onnx", "fp32", path, card)
    parity = Gate(source, drawn_pictures(count=_CHECKED_PICTURES)).prove(
        OnnxTarget(), artifact, options, scratch=folder.root
    )
    if not parity.passed:
        path.unlink()
        progress.say(f"No ONNX file was kept, as it differs from the network in torch: {parity.sentence()}")
        return {}
    return {"onnx": str(path), "onnx_checked": parity.sentence()}
