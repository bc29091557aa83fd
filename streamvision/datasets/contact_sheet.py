"""A contact sheet: many pictures with their boxes at one look, as tall rows of equal width, with a legend."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streamvision.core.errors import OutputError
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledImage
from streamvision.datasets.files import BrokenPictureError, decode, open_image

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
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
    progress: Progress = no_progress,
) -> None:
    """Write a PNG of some pictures with their boxes.

    Args:
        dataset: where the pictures come from.
        path: the PNG to write.
        title: the heading.
        pictures: at most so many; every class is shown as often as possible, the rarest first.
        seed: another seed shows other pictures.
        progress: called for every picture.

    Raises:
        OutputError: when the file cannot be written.
        MissingDependencyError: when Pillow is not installed.
    """
    from PIL import Image, ImageDraw

    chosen = choose_pictures(dataset, pictures, seed=seed)
    plain = all(name.isascii() for name in (title, *dataset.names))
    header = MARGIN_PX + TITLE_PX + 2 * TEXT_PX + MARGIN_PX
    cells, height = _lay_out(chosen, top=header)
    sheet = Image.new("RGB", (SHEET_WIDTH_PX, height + MARGIN_PX - GAP_PX), BACKGROUND)
    draw = ImageDraw.Draw(sheet, "RGBA")
    _draw_header(draw, dataset, title=title, plain=plain)
    for done, cell in enumerate(cells):
        progress("pictures drawn", done, len(cells))
        _draw_cell(sheet, draw, cell, dataset.names, plain=plain)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, "PNG")
    except OSError as error:
        raise OutputError(f"cannot write the contact sheet to {path}: {error.strerror or error}") from error


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
    room = SHEET_WIDTH_PX - 2 * MARGIN_PX
    cells: list[_Cell] = []
    row: list[LabelledImage] = []
    for position, image in enumerate(images):
        row.append(image)
        aspect = sum(one.width_px / one.height_px for one in row)
        free = room - GAP_PX * (len(row) - 1)
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


def _draw_header(draw: ImageDraw, dataset: Dataset, *, title: str, plain: bool) -> None:
    counts = Counter(box.class_id for _, box in dataset.boxes())
    draw.text((MARGIN_PX, MARGIN_PX - 8), title, fill=INK, font=_font(TITLE_PX, plain=plain))
    summary = f"{len(dataset.images):,} pictures   {counts.total():,} boxes   {len(dataset.names)} classes"
    font = _font(TEXT_PX, plain=plain)
    draw.text((SHEET_WIDTH_PX - MARGIN_PX, MARGIN_PX + 6), summary, fill=FAINT_INK, font=font, anchor="ra")
    left, top = float(MARGIN_PX), MARGIN_PX + TITLE_PX + TEXT_PX
    for shown, (class_id, count) in enumerate(counts.most_common()):
        name, number = dataset.names[class_id], f"{count:,}"
        width = TEXT_PX + 8 + draw.textlength(name, font) + 10 + draw.textlength(number, font)
        if left + width > SHEET_WIDTH_PX - MARGIN_PX - 120:
            draw.text((left, top), f"and {len(counts) - shown} more", fill=FAINT_INK, font=font)
            break
        draw.rounded_rectangle((left, top + 3, left + TEXT_PX - 4, top + TEXT_PX - 1), 4, fill=color_of_class(class_id))
        draw.text((left + TEXT_PX + 8, top), name, fill=INK, font=font)
        draw.text((left + width, top), number, fill=FAINT_INK, font=font, anchor="ra")
        left += width + 36


def _draw_cell(sheet: Image, draw: ImageDraw, cell: _Cell, names: Sequence[str], *, plain: bool) -> None:
    from PIL import Image, ImageOps

    frame = (cell.left, cell.top, cell.left + cell.width, cell.top + cell.height)
    try:
        with open_image(cell.image.path) as image:
            decode(image)
            picture = ImageOps.exif_transpose(image).convert("RGB")
            sheet.paste(picture.resize((cell.width, cell.height), Image.Resampling.LANCZOS), frame[:2])
    except BrokenPictureError as error:
        draw.rectangle(frame, fill=(60, 24, 24))
        draw.text((cell.left + 12, cell.top + 12), f"{cell.image.path.name}\n{error}", fill=INK, font=_font(LABEL_PX))
        return
    scale = cell.width / cell.image.width_px
    boxes = sorted(cell.image.boxes, key=lambda box: _area(box.box_xyxy_px), reverse=True)
    placed = [
        (box.class_id, tuple(round(value * scale) for value in box.box_xyxy_px), names[box.class_id], box.ignore)
        for box in boxes
    ]
    taken: list[tuple[float, float, float, float]] = []
    for class_id, (x0, y0, x1, y1), _, ignore in placed:
        corners = (cell.left + x0, cell.top + y0, cell.left + x1, cell.top + y1)
        _draw_box(draw, corners, frame, color_of_class(class_id), faint=ignore)
        taken.append(corners)
    taken.append(_draw_caption(draw, cell, plain=plain))
    for index, (class_id, _, name, ignore) in enumerate(placed):
        text = f"{name} (ignored)" if ignore else name
        others = [corners for at, corners in enumerate(taken) if at != index]
        if area := _draw_label(draw, text, taken[index], others, frame, color_of_class(class_id), plain=plain):
            taken.append(area)


def _draw_box(
    draw: ImageDraw, corners: tuple[float, ...], frame: tuple[int, int, int, int], color: Rgb, *, faint: bool
) -> None:
    """Draw the line around the object, not over it, but inside the picture's frame."""
    for grow, width, ink in (
        (BOX_LINE_PX + 1, BOX_LINE_PX + 2, (0, 0, 0, 130)),
        (BOX_LINE_PX, BOX_LINE_PX, (*color, 255)),
    ):
        x0, y0 = max(corners[0] - grow, frame[0]), max(corners[1] - grow, frame[1])
        x1, y1 = min(corners[2] + grow, frame[2]) - 1, min(corners[3] + grow, frame[3]) - 1
        draw.rectangle((x0, y0, x1, y1), outline=(*ink[:3], 120) if faint else ink, width=width)


def _draw_label(
    draw: ImageDraw,
    text: str,
    corners: tuple[float, ...],
    others: Sequence[tuple[float, ...]],
    frame: tuple[int, int, int, int],
    color: Rgb,
    *,
    plain: bool,
) -> tuple[float, float, float, float] | None:
    """Draw the class name beside its box where it hides no other; without such a place, the colour has to do."""
    font = _font(LABEL_PX, plain=plain)
    width, height = draw.textlength(text, font) + 12, LABEL_PX + 7
    left = min(max(corners[0] - BOX_LINE_PX, frame[0]), frame[2] - width)
    right = min(max(corners[2] + BOX_LINE_PX - width, frame[0]), frame[2] - width)
    above, below = corners[1] - BOX_LINE_PX - height - 1, corners[3] + BOX_LINE_PX + 1
    beside = corners[2] + BOX_LINE_PX + 2
    before = corners[0] - BOX_LINE_PX - 2 - width
    inside = (corners[0] + 2, corners[1] + 2)
    places = [(left, above), (left, below), (right, above), (right, below), (beside, corners[1]), (before, corners[1])]
    if corners[2] - corners[0] > 2 * width:
        places.append(inside)
    for x, y in places:
        area = (x, y, x + width, y + height)
        fits = x >= frame[0] and y >= frame[1] and area[2] <= frame[2] and area[3] <= frame[3]
        if fits and not any(_meet(area, other) for other in others):
            draw.rounded_rectangle(area, 4, fill=(*color, 240))
            draw.text((x + 6, y + height / 2), text, fill=(12, 14, 18), font=font, anchor="lm")
            return area
    return None


def _draw_caption(draw: ImageDraw, cell: _Cell, *, plain: bool) -> tuple[float, float, float, float]:
    """Draw the file's name in the corner, and return where."""
    font = _font(CAPTION_PX, plain=plain)
    text = cell.image.path.name
    while draw.textlength(text, font) > cell.width - 20 and len(text) > 8:
        text = f"...{text[4:]}"
    width = draw.textlength(text, font) + 12
    bottom = cell.top + cell.height
    area = (cell.left, bottom - CAPTION_PX - 8, cell.left + width, bottom - 1)
    draw.rectangle(area, fill=(0, 0, 0, 150))
    draw.text((cell.left + 6, bottom - CAPTION_PX / 2 - 4), text, fill=(235, 238, 242), font=font, anchor="lm")
    return area


def _font(size_px: int, *, plain: bool = True) -> Font:
    """Return Pillow's own font, or for names in other scripts one with more letters, where matplotlib brings it."""
    from PIL import ImageFont

    if not plain:
        try:
            from matplotlib import get_data_path

            return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size_px * 0.92)
        except (ImportError, OSError):
            pass
    return ImageFont.load_default(size_px)


def _area(corners: tuple[float, float, float, float]) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def _meet(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
