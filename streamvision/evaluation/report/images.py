"""The report of a network that makes pictures of pictures."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.page_charts import Plotted
from streamvision.core.words import counted
from streamvision.evaluation.images import DISTANCES, PLAIN, ImageEvaluation, WorstPart
from streamvision.evaluation.report.measured import Figure, Section, Shown, drawn, picture_by_picture, write_measured


def build_image_report(result: ImageEvaluation, path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.

    Raises:
        OutputError: when the file cannot be written.
    """
    gain_db = result.mean("psnr_db") - result.mean("plain_psnr_db")
    write_measured(
        path,
        title=title,
        about=result.model,
        figures=[
            Figure(f"{result.mean('psnr_db'):.2f} dB", "PSNR", main=True),
            Figure(f"{result.mean('ssim'):.3f}", "SSIM", main=True),
            Figure(f"{result.mean('plain_psnr_db'):.2f} dB", "PSNR of the plain input"),
            Figure(f"{result.mean('plain_ssim'):.3f}", "SSIM of the plain input"),
            *(
                Figure(f"{result.mean(which + name):.3f}", f"{DISTANCES[name]}{words}")
                for which, words in (("", ""), (PLAIN, " of the plain input"))
                for name in result.distances
            ),
            *_of_maps(result),
            Figure(str(len(result.pictures)), "pictures"),
        ],
        sentences=[
            f"What the network makes has a PSNR {abs(gain_db):.2f} dB {'above' if gain_db > 0 else 'below'} that of "
            "what it is given.",
            f"{result.better} of {counted(len(result.pictures), 'pictures')} are nearer to the truth than what it is "
            "given.",
        ],
        sections=[_gains(result), _worst(result), _every(result)],
        method=[
            "PSNR is over all pixels and colours of a picture, SSIM that of Wang et al. 2004 (a Gaussian window of 1.5 "
            "pixels); both are the mean over the pictures. The plain input is enlarged by Keys' cubic where the truth "
            "is larger.",
        ],
        result=result,
    )


def _of_maps(result: ImageEvaluation) -> list[Figure]:
    if result.maps is None:
        return []
    found = result.maps.to_json()
    return [
        Figure(f"{found[which + key]:.3f}", f"{name}{words}")
        for which, words in (("", " by the nearest colour"), ("commonest_", " of the commonest colour"))
        for key, name in (("pixel_accuracy", "right pixels"), ("mean_iou", "mean IoU"))
    ]


def _gains(result: ImageEvaluation) -> Section:
    def points(figure: str) -> list[tuple[float, float]]:
        return [(getattr(one, f"plain_{figure}"), getattr(one, figure)) for one in result.pictures]

    return Section(
        "gain",
        "What it gains",
        "Each picture by how near what the network is given is to the truth, and how near what it makes is. Above the "
        "dashed line it is nearer.",
        short="Gain",
        charts=[
            drawn(
                [Plotted("pictures", color, points(figure))],
                x_title=f"{name} of what is given",
                y_title=f"{name} of what is made",
                title=f"{name}: made over given",
                diagonal=True,
            )
            for figure, name, color in (("psnr_db", "PSNR in dB", "c0"), ("ssim", "SSIM", "c1"))
        ],
    )


def _worst(result: ImageEvaluation) -> Section:
    return Section(
        "pictures",
        "The worst pictures",
        "Those that gained least, and of each the part in which what was made differs most from the truth, pixel by "
        "pixel. From left to right: given, made, truth.",
        short="Pictures",
        pictures=[_shown(one) for one in result.worst],
    )


def _shown(one: WorstPart) -> Shown:
    figures = one.figures
    words = (
        f"{figures.plain_psnr_db:.2f} dB given, {figures.psnr_db:.2f} dB made ({figures.gain_db:+.2f}); the part at "
        f"{one.left_px}, {one.top_px} px"
    )
    return Shown.beside(one.given, one.made, one.truth, file=figures.image.path.name, words=words)


def _every(result: ImageEvaluation) -> Section:
    head = ("picture", "PSNR (dB)", "of the plain input", "gain (dB)", "SSIM", "of the plain input")
    rows = [
        (one.image.path.name, one.psnr_db, one.plain_psnr_db, one.gain_db, one.ssim, one.plain_ssim)
        for one in sorted(result.pictures, key=lambda one: one.gain_db)
    ]
    return picture_by_picture(head, rows, first="gained least")
