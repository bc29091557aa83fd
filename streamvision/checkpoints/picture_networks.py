"""Small networks that make pictures of pictures: one removes noise, one makes them larger, one makes others of them.

All take and give (N, 3, H, W) RGB of 0..1; values beyond are cut where the picture becomes levels. Those that give a
picture back have no batch statistics, which would tie its colours to those of the batch (Lim et al., CVPRW 2017).

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from streamvision.checkpoints.picture_names import DENOISER, STYLE, SUPER_RESOLUTION
from streamvision.checkpoints.style_network import StyleNetwork
from streamvision.checkpoints.unet import STRIDE_PX, UNet

_SLOPE = 0.1
"""Below zero: a unit that has been thrown there by too large a first step can still come back."""


class Denoiser(nn.Module):
    """A denoising autoencoder: two convolutional encoders, two decoders, with what the level beside them saw.

    After Vincent et al. ("Stacked Denoising Autoencoders", JMLR 2010) with the skips of Mao, Shen and Yang ("Image
    Restoration Using Very Deep Convolutional Encoder-Decoder Networks", NIPS 2016); it gives what is to be added to the
    picture (Zhang et al., "Beyond a Gaussian Denoiser", 2017). 246,000 parameters, 24,000 multiplications a pixel.
    """

    stride_px = 4
    """Sides of the input must be multiples of this."""

    def __init__(self, *, width: int = 16) -> None:
        super().__init__()
        self.first = _conv(3, width)
        self.encode = nn.ModuleList([_encoder(width, 2 * width), _encoder(2 * width, 4 * width)])
        self.middle = nn.Sequential(
            *(layer for _ in range(2) for layer in (_conv(4 * width, 4 * width), nn.LeakyReLU(_SLOPE)))
        )
        self.decode = nn.ModuleList([_Enlarged(4 * width, 2 * width), _Enlarged(2 * width, width)])
        self.between = nn.Sequential(_conv(2 * width, 2 * width), nn.LeakyReLU(_SLOPE))
        self.last = _conv(width, 3)
        # Begun with what is near to each pixel alone, it learns to smooth in a few dozen steps instead of hundreds.
        for layer in (*self.decode, self.last):
            _silence(layer)

    def blocks(self) -> list[nn.Module]:
        """Return its parts in order, from the picture on."""
        return [self.first, *self.encode, self.middle, self.decode[0], self.between, self.decode[1], self.last]

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the pictures without their noise."""
        fine = _rectified(self.first(pictures))
        half = self.encode[0](fine)
        quarter = self.encode[1](half)
        found = _rectified(self.decode[0](quarter + self.middle(quarter)) + half)
        found = _rectified(self.decode[1](self.between(found)) + fine)
        changes: Tensor = self.last(found)
        return pictures + changes


class Edsr(nn.Module):
    """Makes pictures larger: residual blocks in the small picture's size, then a sub-pixel convolution.

    After EDSR (Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017), narrower
    and shallower, with one sub-pixel convolution at the end (Shi et al., CVPR 2016); it gives what is to be added
    to the bilinearly enlarged picture. 51,000 (x2) or 59,000 (x4) parameters, as many multiplications a pixel of what
    it is given.

    Args:
        scale: how many times larger.
    """

    stride_px = 1

    def __init__(self, scale: int, *, width: int = 24, depth: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.first = _conv(3, width)
        self.body = nn.ModuleList(_Residual(width) for _ in range(depth))
        self.after = _conv(width, width)
        self.last = _Enlarged(width, 3, scale=scale)
        _silence(self.last)

    def blocks(self) -> list[nn.Module]:
        """Return its parts in order, from the picture on."""
        return [self.first, *self.body, self.after, self.last]

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (N, 3, scale * H, scale * W)."""
        first = self.first(pictures)
        found = first
        for block in self.body:
            found = block(found)
        plain = functional.interpolate(pictures, scale_factor=float(self.scale), mode="bilinear", align_corners=False)
        changes: Tensor = self.last(first + self.after(found))
        return plain + changes


class Pix2Pix(UNet):
    """The generator of pix2pix (Isola et al., CVPR 2017): a U-Net, here the one for scenes, with colours for classes.

    The paper's is deeper and has dropout in place of a random input; 1.96 million parameters, 36,000 multiplications a
    pixel.
    """

    stride_px = STRIDE_PX

    def __init__(self) -> None:
        super().__init__(3)

    def blocks(self) -> list[nn.Module]:
        """Return its parts in order, from the picture on."""
        return [*self.down, *self.up, self.last]


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_conv(width, width), nn.LeakyReLU(_SLOPE), _conv(width, width))

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.inner(features)
        return features + changed


def picture_network(name: str) -> Denoiser | Edsr | Pix2Pix | StyleNetwork:
    """Return a network by its name, with random weights."""
    if name in SUPER_RESOLUTION:
        return Edsr(SUPER_RESOLUTION[name])
    if name == STYLE:
        return StyleNetwork()
    return Denoiser() if name == DENOISER else Pix2Pix()


def _rectified(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, _SLOPE)


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a convolution whose weights keep the strength of what passes (He et al., ICCV 2015).

    Without statistics of batches, torch's own weaker ones leave a network of a dozen layers hardly anything to learn
    from.
    """
    layer = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _encoder(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _conv(inputs, outputs, stride=2), nn.LeakyReLU(_SLOPE), _conv(outputs, outputs), nn.LeakyReLU(_SLOPE)
    )


class _Enlarged(nn.Sequential):
    """A sub-pixel convolution: as many channels as the larger picture has pixels for each, then laid out."""

    def __init__(self, inputs: int, outputs: int, *, scale: int = 2) -> None:
        super().__init__(_conv(inputs, outputs * scale**2), nn.PixelShuffle(scale))


def _silence(part: nn.Module) -> None:
    """Let a part say nothing until it has learnt something."""
    for layer in part.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
