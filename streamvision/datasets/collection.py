"""A folder of collected pictures: those that wait for somebody who labels, and the data set that they become.

::

    FOLDER/
      data.yaml             YOLO, whose pictures are those that somebody has labelled
      images/NAME.jpg       labelled pictures
      labels/NAME.txt       their boxes; an empty file is a picture on which nothing is
      annotations.json      the same in COCO, at intervals where it is large
      annotations.pending   what has changed since; see collection_annotations.py
      waiting/NAME.jpg      collected pictures that nobody has looked at
      waiting/NAME.json     what is proposed to be marked on each, and why it was kept
      accepted/NAME.json    the same of labelled pictures
      refused.json          what was thrown away, and what it looked like, so that the like is not collected again

Files appear whole or not at all, a picture before its JSON; only both together are a waiting picture. A decision writes
the labels before it moves the picture, so that a process that is killed leaves a data set without holes, and the same
decision can be made again. Several processes may use one folder: whoever changes what is shared holds its lock.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.files import remove_scratch, write_whole, writing
from streamvision.core.labelling import PictureChangedError
from streamvision.core.reading import MAX_TEXT_BYTES, MIB, UnreadableError, read_bytes
from streamvision.datasets.collection_annotations import Annotations
from streamvision.datasets.collection_files import (
    FOLDERS,
    MAX_REFUSED,
    SHARED,
    check_folders,
    is_collection,
    locked,
    new_name,
    newest,
    read_jpeg,
    read_refused,
    write_data_yaml,
    write_refused,
)
from streamvision.datasets.collection_places import Places
from streamvision.datasets.collection_records import (
    MAX_BOXES,
    Counts,
    Decision,
    Looks,
    MarkedObject,
    Proposal,
    Waiting,
    class_name_of,
    labelled_box,
)
from streamvision.datasets.dataset import LabelledImage
from streamvision.datasets.files import is_there, leads_out
from streamvision.datasets.yolo_txt import label_line
from streamvision.datasets.yolo_yaml import read_data_yaml

MAX_WAITING = 20_000
"""Most pictures that may wait."""
MAX_CLASSES = 10_000
MAX_UNDO = 20
"""Decisions that can be taken back."""

_FULL = "free space, or give another folder"


class Collection:
    """The folder; used by one thread at a time, beside any number of other processes.

    Args:
        folder: must be a collection; :func:`create_collection` makes one.

    Raises:
        ConfigError: when it is not a collection, or its ``data.yaml`` cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not is_collection(folder):
            raise ConfigError(
                f"{folder} holds no collected pictures; give a folder that `streamvision collect` has written"
            )
        self.folder = folder
        """Where it is."""
        self._places = Places(folder)
        self._annotations = Annotations(self._places, self.names)
        self._undo: list[Decision] = []
        check_folders(folder)
        self.names()

    def names(self) -> tuple[str, ...]:
        """Return the classes by their ids.

        Raises:
            ConfigError: when ``data.yaml`` cannot be read.
        """
        path = self.folder / "data.yaml"
        if leads_out(path, self.folder):
            raise ConfigError(f"{path} is a link that leads out of the folder; put the file itself there")
        names = read_data_yaml(path).classes.names
        if len(names) > MAX_CLASSES:
            raise ConfigError(f"{path} has {len(names):,} classes, of which {MAX_CLASSES:,} are read")
        return tuple(names)

    def with_classes(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the classes, those that are asked for and new written at their end; the caller holds the lock."""
        known = self.names()
        new = tuple(name for name in dict.fromkeys(map(class_name_of, asked)) if name not in known)
        if len(known) + len(new) > MAX_CLASSES:
            raise ConfigError(f"there are more than {MAX_CLASSES:,} classes; use one that is there")
        if new:
            write_data_yaml(self.folder, (*known, *new))
        return (*known, *new)  # two of one name keep their ids: those of the labels

    def add(self, jpeg: bytes, proposal: Proposal) -> str:
        """Let a picture wait, and return what it is called.

        Args:
            jpeg: the picture, coded.
            proposal: what is known of it.

        Raises:
            OutputError: when so many pictures wait that nobody will look at all of them, or the disk is full.
        """
        check_folders(self.folder)
        if len(self._places.names("waiting", ".json")) >= MAX_WAITING:
            raise OutputError(
                f"{self.folder} holds {MAX_WAITING:,} pictures that wait; label some, or give another folder"
            )
        name = new_name(proposal)
        picture = self._places.file("waiting", name, ".jpg")
        try:
            write_whole(picture, jpeg, sync=False)
            write_whole(picture.with_suffix(".json"), proposal.as_json(), sync=False)
        except OutputError as error:
            with contextlib.suppress(OSError):
                picture.unlink(missing_ok=True)
            why = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error
            raise OutputError(f"cannot write to {self.folder}: {why}; {_FULL}") from error  # the same for each picture
        return name

    def withdraw(self, name: str) -> bool:
        """Remove a picture that waits, as whoever added it may; return whether it did.

        Raises:
            OutputError: when others keep the folder locked.
        """
        with self._locked():
            places = [self._places.file("waiting", name, suffix) for suffix in (".json", ".jpg")]
            if not all(is_there(place) for place in places):
                return False
            with writing(places[0], instead="see who may write there"):
                for place in places:
                    place.unlink(missing_ok=True)
        return True

    def waiting_names(self) -> list[str]:
        """Return what the waiting pictures are called, at most :data:`MAX_WAITING`, in order."""
        names = self._places.names("waiting", ".jpg") & self._places.names("waiting", ".json")
        return sorted(names)[:MAX_WAITING]

    def waiting(self, *, most: int = MAX_WAITING) -> list[Waiting]:
        """Return pictures that wait, the hardest first; those whose JSON cannot be read are left out.

        Args:
            most: how many at most.
        """
        found = []
        for name in self.waiting_names():
            with contextlib.suppress(UnreadableError):  # somebody may have decided on it meanwhile
                found.append(Waiting(name, self._places.read(self._places.file("waiting", name, ".json"))))
        return sorted(found, key=lambda one: (-one.proposal.hardness, one.name))[:most]

    def proposal(self, name: str) -> Proposal:
        """Return what is known of a picture, waiting or labelled.

        Raises:
            UnknownPictureError: when there is none of that name.
            ConfigError: when what is known of it cannot be read.
        """
        return self._places.proposal(name)

    def picture(self, name: str) -> bytes:
        """Return a picture, waiting or labelled, as a JPEG file.

        Raises:
            UnknownPictureError: when there is none of that name.
            ConfigError: when it cannot be read or is no JPEG.
        """
        return read_jpeg(self._places.picture(name), self.folder)

    def accept(self, name: str, objects: Sequence[MarkedObject], *, version: str | None = None) -> None:
        """Take a picture into the data set with what is marked on it, or mark a labelled one anew.

        Boxes are cut to the picture.

        Args:
            name: the picture.
            objects: all that is on it; none where nothing is.
            version: of :meth:`version`, when it was looked at; ``None``: whatever others have decided meanwhile.

        Raises:
            UnknownPictureError: when there is no such picture.
            PictureChangedError: when it has another version now.
            ConfigError: when an object has no name or no part in the picture.
            OutputError: when it cannot be written, or others keep the folder locked.
        """
        if len(objects) > MAX_BOXES:
            raise ConfigError(f"{len(objects):,} objects are marked on one picture; mark {MAX_BOXES:,} at most")
        with self._locked():
            self._check(name, version)
            proposal, source = self.proposal(name), self._places.picture(name)
            names = self.with_classes([one.class_name for one in objects])
            boxes = tuple(labelled_box(one, names, proposal) for one in objects)
            target = self._places.file("images", name, ".jpg")
            image = LabelledImage(target, proposal.width_px, proposal.height_px, boxes)
            is_new = source != target
            decision = self._decision(name, "accepted") if is_new else None
            with self._annotations.following(name):
                write_whole(self._places.file("labels", name, ".txt"), "".join(label_line(box, image) for box in boxes))
                if is_new:
                    with writing(target, instead=_FULL):
                        source.replace(target)
                        known = self._places.file("waiting", name, ".json")
                        known.replace(self._places.file("accepted", name, ".json"))
        if decision is not None:
            self._remember(decision)

    def refuse(self, name: str, *, version: str | None = None) -> None:
        """Throw a picture away, waiting or labelled, and remember what it looked like.

        One that cannot be read cannot be had back.

        Args:
            name: the picture.
            version: as for :meth:`accept`.

        Raises:
            UnknownPictureError: when there is no such picture.
            PictureChangedError: when it has another version now.
            OutputError: when it cannot be written, or others keep the folder locked.
        """
        with self._locked():
            self._check(name, version)
            self._places.picture(name)
            decision = looks = None
            with contextlib.suppress(ConfigError):  # it may be thrown away as it cannot be read
                looks = self.proposal(name).looks
                decision = self._decision(name, "refused")
            entry = {"name": name, "look": looks.as_document() if looks is not None else None}
            write_refused(self.folder, [*read_refused(self.folder), entry][-MAX_REFUSED:])
            self._take_out(name)
            with writing(self.folder / "waiting", instead="see who may write there"):
                for suffix in (".json", ".jpg"):
                    self._places.file("waiting", name, suffix).unlink(missing_ok=True)
        if decision is not None:
            self._remember(decision)

    def undo(self, name: str | None = None) -> str | None:
        """Take the last decision of this object back, so that its picture waits again, and return its name.

        Args:
            name: the picture whose last decision is meant; ``None``: the last one of all.

        Returns:
            The picture; ``None`` where nothing is left to take back, or others have changed it since.

        Raises:
            OutputError: when it cannot be written, or others keep the folder locked.
        """
        asked = name
        while meant := [one for one in self._undo if asked in (None, one.name)]:
            decision = meant[-1]
            self._undo.remove(decision)
            name = decision.name
            with self._locked():
                if decision.kind == "refused":
                    left = [entry for entry in read_refused(self.folder) if entry["name"] != name]
                    write_refused(self.folder, left)
                elif not is_there(self._places.file("images", name, ".jpg")):
                    continue
                write_whole(self._places.file("waiting", name, ".jpg"), decision.jpeg)
                write_whole(self._places.file("waiting", name, ".json"), decision.proposal_json)
                self._take_out(name)
            return name
        return None

    def version(self, name: str) -> str:
        """Return what tells whether somebody has decided on a picture: another one after each change of its labels.

        Raises:
            UnknownPictureError: when there is none of that name.
            ConfigError: when its labels cannot be read.
        """
        if self._places.picture(name).parent.name == "waiting":
            return "waiting"
        labels = self._places.file("labels", name, ".txt")
        try:
            return hashlib.sha256(read_bytes(labels, limit=MAX_TEXT_BYTES)).hexdigest()[:16]
        except UnreadableError as error:
            raise ConfigError(f"{labels} {error}; throw the picture away, or put its labels back") from error

    def labelled_names(self) -> list[str]:
        """Return what the labelled pictures are called, in order."""
        return sorted(self._places.names("images", ".jpg"))

    def write_annotations(self) -> None:
        """Bring the COCO document up to date, which follows the labels at intervals where it is large.

        Raises:
            ConfigError: when it cannot be read.
            OutputError: when it cannot be written, or others keep the folder locked.
        """
        with self._locked():
            self._annotations.write()

    def counts(self) -> Counts:
        """Return how many pictures there are."""
        return Counts(len(self.waiting_names()), len(self.labelled_names()), len(read_refused(self.folder)))

    def looks(self, *, most: int) -> Iterator[Looks]:
        """Yield what the newest pictures look like that wait, were labelled or were refused, as far as that is known.

        Args:
            most: how many at most of each sort.
        """
        refused = read_refused(self.folder)
        for entry in refused[max(len(refused) - most, 0) :]:
            if (looks := Looks.from_document(entry.get("look"))) is not None:
                yield looks
        for folder in ("accepted", "waiting"):
            for name in newest(self._places.names(folder, ".json"), most):
                with contextlib.suppress(UnreadableError):
                    if (found := self._places.read(self._places.file(folder, name, ".json")).looks) is not None:
                        yield found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self.folder):
            check_folders(self.folder)
            yield

    def _check(self, name: str, version: str | None) -> None:
        if version is not None and self.version(name) != version:
            raise PictureChangedError(f"somebody else has decided on {name!r} meanwhile; look at it again")

    def _take_out(self, name: str) -> None:
        """Take a picture out of the data set; one that is not in it is no fault."""
        is_in_it = is_there(self._places.file("images", name, ".jpg"))
        with self._annotations.following(name) if is_in_it else contextlib.nullcontext():
            for folder, suffix in (("images", ".jpg"), ("labels", ".txt"), ("accepted", ".json")):
                with writing(self.folder / folder, instead="see who may write there"):
                    self._places.file(folder, name, suffix).unlink(missing_ok=True)

    def _decision(self, name: str, kind: Literal["accepted", "refused"]) -> Decision:
        waiting, accepted = (self._places.file(folder, name, ".json") for folder in ("waiting", "accepted"))
        path = waiting if is_there(waiting) else accepted  # not where the picture is: a process may have been killed
        try:
            return Decision(name, kind, self.picture(name), read_bytes(path, limit=MIB))
        except UnreadableError as error:
            raise ConfigError(f"{path} {error}; remove it") from error

    def _remember(self, decision: Decision) -> None:
        self._undo = [*self._undo, decision][-MAX_UNDO:]


def create_collection(folder: Path, names: Sequence[str]) -> Collection:
    """Return the collection in a folder, which is made where it is not there; classes that are new are added.

    Args:
        folder: empty, not there, or a collection.
        names: classes of the model that collects, by their ids.

    Raises:
        ConfigError: when the folder holds something else.
        OutputError: when it cannot be written.
    """
    with writing(folder, instead="give a folder that can be written"):
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / "waiting").is_dir())):
            raise ConfigError(f"{folder} holds something else than collected pictures; give an empty folder")
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    with locked(folder):
        remove_scratch(folder, SHARED.__contains__)  # of who was killed; these are written under the lock alone
        if not (folder / "data.yaml").is_file():
            write_data_yaml(folder, ())
        collection = Collection(folder)
        collection.with_classes(names)
    collection.write_annotations()
    return collection
