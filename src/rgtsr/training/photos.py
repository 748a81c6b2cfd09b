"""The photos of a recipe, from folders and packs, as pairs of HR and LR. Knows no torch."""

from collections.abc import Callable, Iterator

from rgtsr.errors import TrainingError
from rgtsr.pictures.pairs import Pair
from rgtsr.training import folders, pack
from rgtsr.training.recipe import Recipe


def of(
    recipe: Recipe, *, crop_px: int = 1, on_skip: Callable[[str], None] = lambda _: None
) -> Iterator[Pair]:
    """The photos of a recipe one by one, RGB, with the LR that it gives, or made.

    Unreadable photos and those smaller than a crop of LR are left out and named to ``on_skip``.

    Raises:
        ValueError, TrainingError: as ``folders.photos`` and ``pack.read``, and when no photo is
            left.
        PictureError: when a given LR does not match.
    """
    count = 0
    for pair in _found(recipe, crop_px * recipe.scale, on_skip):
        count += 1
        yield pair
    if not count:
        raise TrainingError("no photo is left to train on: all were unreadable or too small.")


def _found(recipe: Recipe, least_px: int, on_skip: Callable[[str], None]) -> Iterator[Pair]:
    packs = [path for path in recipe.photos if path.suffix == pack.SUFFIX]
    inside = [path for path in recipe.photos if path.suffix != pack.SUFFIX]
    if packs and recipe.lr_photos:
        raise TrainingError(f"{packs[0]} has its LR in it, or none: leave lr_photos out.")
    scale = recipe.scale
    for photo in folders.photos(
        inside, recipe.lr_photos, template=recipe.filename_tmpl, scale=scale
    ):
        pixels = folders.read(photo, least_px=least_px, on_skip=on_skip)
        if pixels is not None:
            yield photo.pair(*pixels, scale)
    for path in packs:
        opened = pack.read(path)
        for photo in opened.photos:
            if not folders.is_too_small(photo.name, photo.hr_HWC, least_px, on_skip):
                yield opened.pair(photo, scale)
