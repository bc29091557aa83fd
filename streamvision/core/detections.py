"""What a model found on one picture: arrays of equal length, one row an object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamvision.core.detection import Detection
from streamvision.core.masks import encode_rle

if TYPE_CHECKING:
    import supervision

MIN_KEYPOINT_SCORE = 0.25
"""Keypoints below this are not drawn: those behind something are seldom where a model says."""
Index = NDArray[np.bool_] | NDArray[np.integer[Any]] | slice


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects on one picture. Absence is ``None`` (or masked), never -1.

    Raises:
        ValueError: when the arrays differ in length or have the wrong shape.
    """

    box_xyxy_px: NDArray[np.float32]
    """(N, 4) float32: left, top, right, bottom in the picture's own pixels."""
    score: NDArray[np.float32]
    """(N,) float32 confidence, 0..1."""
    class_id: NDArray[np.int32]
    """(N,) int32 index into the model card's names."""
    track_id: np.ma.MaskedArray[Any, np.dtype[np.int64]] | None = None
    """(N,) int64 identities, masked where an object has none yet; ``None`` when nothing tracked them."""
    mask: NDArray[np.object_] | None = None
    """(N,) :class:`streamvision.core.masks.BoxMask`, one an object; ``None`` where the model gives none."""
    keypoint_xy_px: NDArray[np.float32] | None = None
    """(N, K, 2) float32 keypoints in the picture's own pixels; ``None`` where the model gives none."""
    keypoint_score: NDArray[np.float32] | None = None
    """(N, K) float32 how sure each keypoint is, 0..1; set where :attr:`keypoint_xy_px` is."""
    obb_cxcywhr_px: NDArray[np.float32] | None = None
    """(N, 5) float32 oriented boxes: centre, width and height in pixels, rotation in radians, clockwise on the
    picture; :attr:`box_xyxy_px` is then the upright box around each."""
    embedding: NDArray[np.float32] | None = None
    """(N, D) float32 of length 1, what each object looks like; ``None`` where no model says so."""
    attributes: NDArray[np.object_] | None = None
    """(N,) dict by the name of a second model of what it found on the object, or ``None`` where it has not (yet);
    ``None`` where there is no second model."""

    global_id: NDArray[np.object_] | None = None
    """(N,) int identities that objects have in all cameras, or ``None`` where one has none (yet); ``None`` where nobody
    gives them."""
    class_name: NDArray[np.object_] | None = None
    """(N,) str name of each object's class; ``None`` where only numbers are known."""

    def __post_init__(self) -> None:
        count = len(self.score)
        if self.box_xyxy_px.shape != (count, 4) or self.class_id.shape != (count,) or self.score.shape != (count,):
            raise ValueError(
                f"boxes {self.box_xyxy_px.shape}, scores {self.score.shape} and classes {self.class_id.shape} "
                "must be (N, 4), (N,) and (N,)"
            )
        for name, value in vars(self).items():
            if value is not None and len(value) != count:
                raise ValueError(f"{name} must have a row for each of {count} objects, not the shape {value.shape}")

    @classmethod
    def empty(cls) -> Detections:
        """Return detections of no object."""
        return _NOTHING

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """Return the rows of all parts, one after the other; what one of them lacks, the whole lacks."""
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        whole = {name: rows for name, rows in columns.items() if all(row is not None for row in rows)}
        return cls(**{name: (np.ma if name == "track_id" else np).concatenate(rows) for name, rows in whole.items()})

    def shifted(self, by_px: NDArray[Any], *, picture_px: tuple[int, int]) -> Detections:
        """Return the objects at another place of the picture, with all that belongs to them.

        Args:
            by_px: (2,) how far all move, or (N, 2) how far each does, to the right and down.
            picture_px: width and height of the picture, at whose edges masks are cut.
        """
        by = np.broadcast_to(np.asarray(by_px, np.float32), (len(self), 2))
        moved: dict[str, Any] = {"box_xyxy_px": self.box_xyxy_px + np.tile(by, 2)}
        if self.mask is not None:
            whole_px = np.round(by).astype(int).tolist()
            moved["mask"] = np.empty(len(self), object)
            moved["mask"][:] = [m.shifted(*d, picture_px=picture_px) for m, d in zip(self.mask, whole_px, strict=True)]
        if self.keypoint_xy_px is not None:
            moved["keypoint_xy_px"] = self.keypoint_xy_px + by[:, None]
        if self.obb_cxcywhr_px is not None:
            moved["obb_cxcywhr_px"] = np.concatenate([self.obb_cxcywhr_px[:, :2] + by, self.obb_cxcywhr_px[:, 2:]], 1)
        return self.with_columns(**moved)

    def __len__(self) -> int:
        return len(self.score)

    @overload
    def __getitem__(self, index: int) -> Detection: ...

    @overload
    def __getitem__(self, index: Index) -> Detections: ...

    def __getitem__(self, index: int | Index) -> Detection | Detections:
        """Return one object for a number, and for a slice, a mask or an array of numbers the chosen rows, in order."""
        if isinstance(index, (int, np.integer)):
            return self._one(int(index))
        columns = {name: rows[index] for name, rows in vars(self).items() if rows is not None and name != "track_id"}
        if self.track_id is not None:
            # Indexing a masked array as a whole costs several times what its two parts do.
            identity, mask = self.track_id.data[index], np.ma.getmaskarray(self.track_id)[index]
            columns["track_id"] = np.ma.MaskedArray(identity, mask=mask)
        return _NOTHING._changed(columns)

    def __iter__(self) -> Iterator[Detection]:
        """Yield each object as plain values; arrays are faster where there are many."""
        return (self._one(index) for index in range(len(self)))

    def _one(self, index: int) -> Detection:
        given = {name: rows[index] for name, rows in vars(self).items() if rows is not None}  # an IndexError ends loops
        identity = given.pop("track_id", np.ma.masked)
        class_id = int(given.pop("class_id"))
        return Detection(
            class_id=class_id,
            class_name=str(given.pop("class_name", class_id)),
            score=float(given.pop("score")),
            box_xyxy_px=tuple(given.pop("box_xyxy_px").tolist()),
            track_id=None if identity is np.ma.masked else int(identity),
            **given,
        )

    def with_names(self, names: tuple[str, ...]) -> Detections:
        """Return the same objects with the names of their classes, given by class id."""
        called = np.array([class_name(class_id, names) for class_id in self.class_id.tolist()], np.object_)
        return self._changed({"class_name": called})

    def with_columns(self, **columns: Any) -> Detections:
        """Return the same objects with other values in these columns.

        Raises:
            ValueError: when a column differs in length.
        """
        for name, rows in columns.items():
            if rows is not None and len(rows) != len(self):
                raise ValueError(f"{name} must have a row for each of {len(self)} objects, not the shape {rows.shape}")
        return self._changed(columns)

    def _changed(self, columns: dict[str, Any]) -> Detections:
        """Return a copy with these columns, unchecked: making a dataclass anew takes longer than tracking an object."""
        changed = object.__new__(Detections)
        vars(changed).update(vars(self) | columns)
        return changed

    def identities(self) -> list[int | None]:
        """Return one identity an object; ``None`` where it has none."""
        if self.track_id is None:
            return [None] * len(self)
        # numpy's own tolist of masked arrays takes ten times as long.
        hidden, track_id = np.ma.getmaskarray(self.track_id).tolist(), self.track_id.data.tolist()
        return [None if is_hidden else identity for is_hidden, identity in zip(hidden, track_id, strict=True)]

    def count_by_name(self, names: tuple[str, ...]) -> dict[str, int]:
        """Return how many objects of each class there are, by class name."""
        return dict(Counter(class_name(class_id, names) for class_id in self.class_id.tolist()))

    def objects(self, names: tuple[str, ...], *, picture_px: tuple[int, int] | None = None) -> Iterator[dict[str, Any]]:
        """Yield each object as plain Python values, in the form that files and the web API carry.

        Args:
            names: class names by class id.
            picture_px: (width, height) of the picture, which masks need; without it they are left out.
        """
        boxes = self.box_xyxy_px.astype(np.float64).round(2).tolist()
        scores = self.score.astype(np.float64).round(4).tolist()
        more = self._more(picture_px)
        for index, (box, score, class_id, track_id) in enumerate(
            zip(boxes, scores, self.class_id.tolist(), self.identities(), strict=True)
        ):
            yield {
                "track_id": track_id,
                "class_id": class_id,
                "class_name": class_name(class_id, names),
                "score": score,
                "box_xyxy_px": box,
                **{key: values[index] for key, values in more.items()},
            }

    def to_supervision(
        self,
        *,
        names: tuple[str, ...] | None = None,
        picture_px: tuple[int, int] | None = None,
        unconfirmed: bool = False,
    ) -> supervision.Detections:
        """Return the objects for the supervision library; its arrays are these, not copies, as far as rows are kept.

        Args:
            names: class names by class id, for ``data["class_name"]``.
            picture_px: (width, height) of the picture, which masks need; without it they are left out.
            unconfirmed: keep objects that a tracker has not confirmed yet. supervision cannot say so of single
                objects, so then none has a ``tracker_id`` while one is missing.

        Raises:
            MissingDependencyError: when supervision is not installed.
        """
        from streamvision.core.supervision_bridge import to_supervision

        return to_supervision(self, names=names, picture_px=picture_px, unconfirmed=unconfirmed)

    @classmethod
    def from_supervision(cls, found: supervision.Detections) -> Detections:
        """Return what the supervision library holds; arrays of the right type are shared, masks are views.

        Where it gives no confidence the score is 1, where it gives no class the class is 0.

        Raises:
            MissingDependencyError: when supervision is not installed.
        """
        from streamvision.core.supervision_bridge import from_supervision

        return from_supervision(found)

    def _more(self, picture_px: tuple[int, int] | None) -> dict[str, list[Any]]:
        """Return what only some models give, by key, one value an object."""
        more: dict[str, list[Any]] = {}
        if self.mask is not None and picture_px is not None:
            width_px, height_px = picture_px
            more["mask"] = [encode_rle(mask, width_px=width_px, height_px=height_px) for mask in self.mask]
        if self.keypoint_xy_px is not None and self.keypoint_score is not None:
            points = self.keypoint_xy_px.astype(np.float64).round(2), self.keypoint_score.astype(np.float64).round(4)
            more["keypoints"] = np.concatenate([points[0], points[1][..., None]], axis=2).tolist()
        if self.obb_cxcywhr_px is not None:
            more["obb"] = self.obb_cxcywhr_px.astype(np.float64).round(4).tolist()
        if self.global_id is not None:
            more["global_id"] = self.global_id.tolist()
        if self.attributes is not None:
            more["attributes"] = [found or {} for found in self.attributes.tolist()]
        return more

    def __repr__(self) -> str:
        tracked = "" if self.track_id is None else f", {int(self.track_id.count())} with identity"
        return f"Detections({len(self)}{tracked})"


_NOTHING = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


def class_name(class_id: int, names: tuple[str, ...]) -> str:
    """Return the name of a class; its number where it has none."""
    return names[class_id] if class_id < len(names) else str(class_id)


def class_index(given: str, names: tuple[str, ...]) -> int | None:
    """Return the id of a class that is given by its name or, where no class has that name, by its number.

    >>> names = ("person", "car")
    >>> class_index("car", names), class_index("1", names), class_index("2", names)
    (1, 1, None)
    """
    if given in names:
        return names.index(given)
    is_number = given.isascii() and given.isdigit() and len(given) < 9
    return int(given) if is_number and int(given) < len(names) else None


def attributes_text(attributes: dict[str, dict[str, Any]] | None) -> str:
    """Return what a label says of the attributes that secondary models gave an object.

    >>> attributes_text({"plate": {"text": "B 42", "score": 0.9}, "make": {"class_name": "vw", "score": 0.8}})
    'B 42 vw'
    >>> attributes_text({"space": {"distance_m": 34.21, "yaw_rad": 0.1, "score": 0.9}})
    '34 m'
    >>> attributes_text({"space": {"distance_m": 34.21, "estimated": True}})
    '~34 m'
    """
    words = []
    for found in (attributes or {}).values():
        first = found.get("objects", [found])[0]
        word = str(first.get("text") or first.get("class_name") or "")
        distance_m = first.get("distance_m")
        about = "~" if first.get("estimated") else ""
        words.append(f"{about}{distance_m:.0f} m" if not word and isinstance(distance_m, (int, float)) else word)
    return " ".join(word for word in words if word)


def box_fractions(box_xyxy_px: ArrayLike, *, picture_px: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """Return boxes in fractions of the picture, left, top, right, bottom, to four digits, cut off at its edges.

    Args:
        box_xyxy_px: (N, 4) boxes.
        picture_px: width and height of the picture.

    >>> box_fractions([[-8, 24, 32, 48]], picture_px=(64, 48))
    [(0.0, 0.5, 0.5, 1.0)]
    """
    fractions = np.nan_to_num(np.asarray(box_xyxy_px, np.float64) / (2 * picture_px)).clip(0, 1).round(4)
    return [(left, top, right, bottom) for left, top, right, bottom in fractions.tolist()]
