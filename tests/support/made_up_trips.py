"""Trips that nobody drove, for what shows them."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from streamvision.trip.records import DriveSummary, ObjectView, SeenObject, TripSummary

START_UNIX_S = 1_782_653_656.0
_METRE_DEG = 1 / 111_195.0
_CLASSES = ("speedlimit", "crosswalk", "trafficlight", "stop")


def track(
    *, start_unix_s: float, seconds: float, rate_hz: float = 1.0, seed: int = 0, noise_m: float = 1.0
) -> np.ndarray:
    """Return a winding way: (N, 6) time, latitude, longitude, speed, course, error."""
    random = np.random.default_rng(seed)
    count = max(int(seconds * rate_hz), 2)
    time_s = np.arange(count) / rate_hz
    turn = np.cumsum(random.normal(0, 0.004, count)) / math.sqrt(rate_hz) + 0.6 * np.sin(time_s / 70)
    course = 0.9 + np.cumsum(turn) / rate_hz * 0.02 + 0.8 * np.sin(time_s / 160)
    speed = np.clip(13.5 + 4 * np.sin(time_s / 45) + 9 * np.tanh(np.sin(time_s / 240) * 3), 0, None)
    speed[(time_s % 420) < 25] = 0
    step_m = speed / rate_hz
    wander = random.normal(0, noise_m, (2, count))
    north_m = np.cumsum(step_m * np.cos(course)) + wander[0]
    east_m = np.cumsum(step_m * np.sin(course)) + wander[1]
    latitude = 48.2 + north_m * _METRE_DEG
    longitude = 11.6 + east_m * _METRE_DEG / math.cos(math.radians(48.2))
    error = np.full(count, 3.0)
    return np.stack([start_unix_s + time_s, latitude, longitude, speed, np.degrees(course) % 360, error], axis=1)


def drive(number: int, *, seconds: float = 900, rate_hz: float = 1.0, video: bool = False) -> DriveSummary:
    """Return one drive of a day of its own."""
    start_unix_s = START_UNIX_S + number * 86_400
    name = f"2026062{number}-133416"
    rows = track(start_unix_s=start_unix_s, seconds=seconds, rate_hz=rate_hz, seed=number)
    return DriveSummary(
        id=name,
        start_unix_s=start_unix_s,
        end_unix_s=start_unix_s + seconds,
        distance_m=float(rows[:, 3].sum() / rate_hz),
        clips=tuple(f"20260628_1334{clip:02d}F.MP4" for clip in range(math.ceil(seconds / 60))),
        lost_s=2.4 if number == 1 else 0.0,
        notes=("The camera's clock was 3600 s ahead of UTC; GPS set it.",) if number == 1 else (),
        track=rows,
        video=f"videos/{name}.mp4" if video else None,
    )


def trip(
    output: Path, *, drives: int = 3, objects: int = 40, seconds: float = 900, rate_hz: float = 1.0
) -> TripSummary:
    """Return a trip whose pictures lie in the output folder, some of them at least."""
    driven = tuple(drive(number, seconds=seconds, rate_hz=rate_hz, video=number == 0) for number in range(drives))
    random = np.random.default_rng(7)
    found = tuple(_object(number, driven, random, output) for number in range(1, objects + 1))
    return TripSummary(driven, found, "Holidays 2026")


def _object(number: int, driven: tuple[DriveSummary, ...], random: np.random.Generator, output: Path) -> SeenObject:
    one = driven[number % len(driven)]
    row = one.track[int(random.integers(20, len(one.track) - 1))]
    class_name = _CLASSES[int(random.integers(len(_CLASSES)))]
    limit = float(random.choice([30, 50, 70, 100, 120])) if class_name == "speedlimit" else None
    placed = number % 9 != 0
    aside_m = random.normal(0, 1.5) + 6
    course = math.radians(row[4])
    spread = float(random.uniform(1, 40))
    return SeenObject(
        id=number,
        class_name=class_name,
        text=None if limit is None else f"{limit:.0f}",
        first_unix_s=row[0] - 6,
        last_unix_s=row[0],
        frames=int(random.integers(5, 90)),
        best_score=float(random.uniform(0.5, 0.99)),
        mean_score=float(random.uniform(0.4, 0.8)),
        picture=_picture(number, class_name, output) if number <= 60 else None,
        latitude_deg=float(row[1] - aside_m * math.sin(course) * _METRE_DEG) if placed else None,
        longitude_deg=float(row[2] + aside_m * math.cos(course) * _METRE_DEG / 0.667) if placed else None,
        error_m=1.5 * math.sqrt(spread) if placed else None,
        bearing_deg=float(row[4]) if placed else None,
        drives=(one.id,),
        state="gone" if number % 13 == 0 else "seen",
        speed_limit_kmh=limit,
        views=(ObjectView(one.id, row[0] - 6, row[0]),),
        covariance_m2=(spread, spread * 0.3, spread * 0.4) if placed else None,
    )


def _picture(number: int, class_name: str, output: Path) -> str:
    name = f"pictures/{number}-{class_name}.jpg"
    (output / "pictures").mkdir(parents=True, exist_ok=True)
    picture = np.full((120, 160, 3), (150 + number % 60, 140, 120), np.uint8)
    cv2.circle(picture, (80, 60), 42, (255, 255, 255), -1)
    cv2.circle(picture, (80, 60), 42, (30, 30, 200), 9)
    cv2.putText(picture, str(number), (56, 72), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 20), 3)
    cv2.imwrite(str(output / name), picture)
    return name
