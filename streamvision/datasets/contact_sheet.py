"""A contact sheet: many pictures with their boxes, as tall rows of equal width, with a legend."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamvision.core.files import writing
from streamvision.core.words import counted
from streamvision.datasets.class_labels import UNKNOWN, read_class_map
from streamvision.datasets.collector import Corners, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledImage
from streamvision.datasets.picture_files import BrokenPictureError, decode, open_image

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

Rgb = tuple[int, int, int]

SHEET_WIDTH_PX = 2000
ROW_HEIGHT_PX = 400
MARGIN_PX = 40
GAP_PX = 12
TITLE_PX = 40
TEXT_PX = 22
LABEL_PX = 17
CAPTION_PX = 14
BOX_LINE_PX = 3
MAP_OPACITY = 150
"""Of 255, so that the picture shows through the colours of its classes."""

BACKGROUND: Rgb = (20, 23, 28)
INK: Rgb = (240, 242, 245)
FAINT_INK: Rgb = (150, 158, 168)
_PALETTE: tuple[Rgb, ...] = (
    (255, 153, 0),  # orange
    (41, 206, 255),  # sky blue
    (255, 92, 70),  # vermilion
    (178, 120, 255),  # violet
    (60, 214, 146),  # bluish green
    (246, 240, 100),  # yellow
    (255, 92, 205),  # magenta
    (190, 250, 214),  # mint
)


@dataclass(frozen=True)
class _Cell:
    image: LabelledImage
    left: int
    top: int
    width: int
    height: int


def draw_contact_sheet(
    dataset: Dataset,
    path: Path,
    *,
    title: str,
    pictures: int = 24,
    seed: int = 0,
    has_boxes: bool = True,
    maps: Mapping[Path, Path] | None = None,
    progress: Progress = no_progress,
) -> None:
    """Write a PNG of some pictures with their boxes, or in the colours of their classes.

    Args:
        dataset: where the pictures come from.
        path: the PNG to write.
        title: the heading.
        pictures: at most so many; every class is shown as often as possible, the rarest first.
        seed: another seed shows other pictures.
        has_boxes: whether boxes are marked, or stand for the classes of whole pictures.
        maps: by picture the map of its classes, where each pixel has one; boxes then say only what is on a picture.
        progress: called for every picture.

    Raises:
        SourceError: when a map cannot be read.
        OutputError: when the file cannot be written.
        MissingDependencyError: when Pillow is not installed.
    """
    chosen = choose_pictures(dataset, pictures, seed=seed)
    cells, height = _lay_out(chosen, top=MARGIN_PX + TITLE_PX + 2 * TEXT_PX + MARGIN_PX)
    sheet = _Sheet(dataset, height + MARGIN_PX - GAP_PX, title=title, has_boxes=has_boxes)
    for done, cell in enumerate(cells):
        progress("pictures drawn", done, len(cells))
        sheet.draw_cell(cell, maps[cell.image.path] if maps else None)
    with writing(f"the contact sheet to {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.image.save(path, "PNG")


def choose_pictures(dataset: Dataset, count: int, *, seed: int) -> list[LabelledImage]:
    """Return pictures in which all classes appear as evenly as possible, in a random order that the seed fixes."""
    rng = np.random.default_rng(seed)
    waiting = [dataset.images[index] for index in rng.permutation(len(dataset.images))]
    shown = Counter(dict.fromkeys({box.class_id for _, box in dataset.boxes()}, 0))
    chosen: list[LabelledImage] = []
    while waiting and len(chosen) < count:
        wanted = min(shown, key=lambda class_id: shown[class_id], default=None)
        having = (i for i, image in enumerate(waiting) if any(box.class_id == wanted for box in image.boxes))
        at = next(having, None)
        if at is None and wanted is not None:
            del shown[wanted]
            continue
        image = waiting.pop(at or 0)
        chosen.append(image)
        shown.update(class_id for class_id in {box.class_id for box in image.boxes} if class_id in shown)
    return [chosen[index] for index in rng.permutation(len(chosen))]


def color_of_class(class_id: int) -> Rgb:
    """Return the colour of a class, bright enough for black text on it."""
    if class_id < len(_PALETTE):
        return _PALETTE[class_id]
    red, green, blue = colorsys.hls_to_rgb(class_id * 0.618034 % 1, 0.68, 0.85)
    return round(red * 255), round(green * 255), round(blue * 255)


def _lay_out(images: Sequence[LabelledImage], *, top: int) -> tuple[list[_Cell], int]:
    """Return the cells, row by row, each row as wide as the sheet, and where the last row ends."""
    row_px = SHEET_WIDTH_PX - 2 * MARGIN_PX
    cells: list[_Cell] = []
    row: list[LabelledImage] = []
    for position, image in enumerate(images):
        row.append(image)
        aspect = sum(one.width_px / one.height_px for one in row)
        free = row_px - GAP_PX * (len(row) - 1)
        last = position == len(images) - 1
        if aspect * ROW_HEIGHT_PX < free and not last:
            continue
        height = min(round(free / aspect), round(ROW_HEIGHT_PX * 1.15))
        left = MARGIN_PX
        for one in row:
            width = round(one.width_px / one.height_px * height)
            cells.append(_Cell(one, left, top, width, height))
            left += width + GAP_PX
        top += height + GAP_PX
        row = []
    return cells, top


class _Sheet:
    """The drawing; the title, the legend and the counts are on it from the beginning."""

    def __init__(self, dataset: Dataset, height_px: int, *, title: str, has_boxes: bool) -> None:
        from PIL import Image, ImageDraw

        self._names = dataset.names
        self._plain = all(name.isascii() for name in (title, *dataset.names))
        self.image = Image.new("RGB", (SHEET_WIDTH_PX, height_px), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image, "RGBA")
        counts = Counter(box.class_id for _, box in dataset.boxes())
        self._text((MARGIN_PX, MARGIN_PX - 8), title, INK, TITLE_PX)
        boxes = f"{counted(counts.total(), 'boxes')}   " if has_boxes else ""
        summary = f"{counted(len(dataset.images), 'pictures')}   {boxes}{counted(len(dataset.names), 'classes')}"
        self._text((SHEET_WIDTH_PX - MARGIN_PX, MARGIN_PX + 6), summary, FAINT_INK, TEXT_PX, anchor="ra")
        self._draw_legend(counts, top=MARGIN_PX + TITLE_PX + TEXT_PX)

    def draw_cell(self, cell: _Cell, map_path: Path | None) -> None:
        """Draw a picture with its boxes, its file name, and the names of the classes where there is room.

        With a map of classes, its colours are laid over the picture instead.
        """
        from PIL import Image, ImageOps

        frame = (cell.left, cell.top, cell.left + cell.width, cell.top + cell.height)
        try:
            with open_image(cell.image.path) as image:
                decode(image)
                picture = ImageOps.exif_transpose(image).convert("RGB")
                self.image.paste(picture.resize((cell.width, cell.height), Image.Resampling.LANCZOS), frame[:2])
        except BrokenPictureError as error:
            self._draw.rectangle(frame, fill=(60, 24, 24))
            self._text((cell.left + 12, cell.top + 12), f"{cell.image.path.name}\n{error}", INK, LABEL_PX)
            return
        if map_path is not None:
            self._lay_over(cell, read_class_map(map_path))
            self._draw_caption(cell)
            return
        scale = cell.width / cell.image.width_px
        boxes = sorted(cell.image.boxes, key=lambda box: _area(box.box_xyxy_px), reverse=True)
        taken: list[Corners] = []

        def placed(corners: tuple[float, ...]) -> Corners:
            x0, y0, x1, y1 = (round(value * scale) for value in corners)
            return cell.left + x0, cell.top + y0, cell.left + x1, cell.top + y1

        for corners in cell.image.ignored_xyxy_px:
            self._draw_box(placed(corners), frame, FAINT_INK, faint=True)
        for box in boxes:
            taken.append(placed(box.box_xyxy_px))
            self._draw_box(taken[-1], frame, color_of_class(box.class_id), faint=box.ignore)
        taken.append(self._draw_caption(cell))
        for index, box in enumerate(boxes):
            name = self._names[box.class_id]
            text = f"{name} (ignored)" if box.ignore else name
            others = [corners for at, corners in enumerate(taken) if at != index]
            if area := self._draw_label(text, taken[index], others, frame, color_of_class(box.class_id)):
                taken.append(area)

    def _lay_over(self, cell: _Cell, classes: NDArray[np.uint8]) -> None:
        """Draw the colours of classes over a picture; what is of no known class stays as it is."""
        from PIL import Image

        colors = np.array([color_of_class(class_id) for class_id in range(UNKNOWN + 1)], np.uint8)
        size = (cell.width, cell.height)
        mask = Image.fromarray(np.where(classes == UNKNOWN, 0, MAP_OPACITY).astype(np.uint8))
        shown = Image.fromarray(colors[classes])
        self.image.paste(shown.resize(size, Image.Resampling.NEAREST), (cell.left, cell.top), mask.resize(size))

    def _draw_legend(self, counts: Counter[int], *, top: int) -> None:
        left = float(MARGIN_PX)
        for shown, (class_id, count) in enumerate(counts.most_common()):
            name, number = self._names[class_id], f"{count:,}"
            width = TEXT_PX + 8 + self._width(name, TEXT_PX) + 10 + self._width(number, TEXT_PX)
            if left + width > SHEET_WIDTH_PX - MARGIN_PX - 120:
                self._text((left, top), f"and {len(counts) - shown} more", FAINT_INK, TEXT_PX)
                break
            patch = (left, top + 3, left + TEXT_PX - 4, top + TEXT_PX - 1)
            self._draw.rounded_rectangle(patch, 4, fill=color_of_class(class_id))
            self._text((left + TEXT_PX + 8, top), name, INK, TEXT_PX)
            self._text((left + width, top), number, FAINT_INK, TEXT_PX, anchor="ra")
            left += width + 36

    def _draw_box(self, corners: Corners, frame: Corners, color: Rgb, *, faint: bool) -> None:
        """Draw the line around the object, not over it, but inside the picture's frame."""
        for grow, width, ink in (
            (BOX_LINE_PX + 1, BOX_LINE_PX + 2, (0, 0, 0, 130)),
            (BOX_LINE_PX, BOX_LINE_PX, (*color, 255)),
        ):
            x0, y0 = max(corners[0] - grow, frame[0]), max(corners[1] - grow, frame[1])
            x1, y1 = min(corners[2] + grow, frame[2]) - 1, min(corners[3] + grow, frame[3]) - 1
            self._draw.rectangle((x0, y0, x1, y1), outline=(*ink[:3], 120) if faint else ink, width=width)

    def _draw_label(
        self, text: str, corners: Corners, others: Sequence[Corners], frame: Corners, color: Rgb
    ) -> Corners | None:
        """Draw the class name beside its box where it hides no other; without such a place, the colour has to do."""
        width, height = self._width(text, LABEL_PX) + 12, LABEL_PX + 7
        left = min(max(corners[0] - BOX_LINE_PX, frame[0]), frame[2] - width)
        right = min(max(corners[2] + BOX_LINE_PX - width, frame[0]), frame[2] - width)
        above, below = corners[1] - BOX_LINE_PX - height - 1, corners[3] + BOX_LINE_PX + 1
        beside, before = corners[2] + BOX_LINE_PX + 2, corners[0] - BOX_LINE_PX - 2 - width
        places = [(left, above), (left, below), (right, above), (right, below)]
        places += [(beside, corners[1]), (before, corners[1])]
        if corners[2] - corners[0] > 2 * width:
            places.append((corners[0] + 2, corners[1] + 2))
        for x, y in places:
            area = (x, y, x + width, y + height)
            fits = x >= frame[0] and y >= frame[1] and area[2] <= frame[2] and area[3] <= frame[3]
            if fits and not any(_meet(area, other) for other in others):
                self._draw.rounded_rectangle(area, 4, fill=(*color, 240))
                self._text((x + 6, y + height / 2), text, (12, 14, 18), LABEL_PX, anchor="lm")
                return area
        return None

    def _draw_caption(self, cell: _Cell) -> Corners:
        """Draw the file's name in the corner, and return where."""
        text = cell.image.path.name
        while self._width(text, CAPTION_PX) > cell.width - 20 and len(text) > 8:
            text = f"...{text[4:]}"
        bottom = cell.top + cell.height
        area = (cell.left, bottom - CAPTION_PX - 8, cell.left + self._width(text, CAPTION_PX) + 12, bottom - 1)
        self._draw.rectangle(area, fill=(0, 0, 0, 150))
        self._text((cell.left + 6, bottom - CAPTION_PX / 2 - 4), text, (235, 238, 242), CAPTION_PX, anchor="lm")
        return area

    def _text(self, at: tuple[float, float], text: str, ink: Rgb, size_px: int, *, anchor: str | None = None) -> None:
        self._draw.text(at, text, fill=ink, font=_font(size_px, plain=self._plain), anchor=anchor)

    def _width(self, text: str, size_px: int) -> float:
        return self._draw.textlength(text, _font(size_px, plain=self._plain))


@cache
def _font(size_px: int, *, plain: bool) -> Font:
    """Return Pillow's own font, or for names in other scripts one with more letters, where matplotlib brings it."""
    from PIL import ImageFont

    if not plain:
        try:
            from matplotlib import get_data_path

            return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size_px * 0.92)
        except (ImportError, OSError):
            pass
    return ImageFont.load_default(size_px)


def _area(corners: Corners) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def _meet(first: Corners, second: Corners) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
