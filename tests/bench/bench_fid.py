"""From latents to FID at 256 px: ours against the official repository's way and torch-fidelity's generator input.

One network, one Inception-v3 with random weights, the same images. The official way writes PNG files, reads them back
and takes scipy's sqrtm; its detector and distance are the package pytorch-fid. Statistics of the reals are at hand for
every side. Overhead is what a side takes beyond the generator and the detector alone, which are timed on the first
images of every chunk, just before ours works on the chunk. Ours is the median over chunks, so that a machine that is
slow for a while does not decide, and its distance.
"""

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from harness import heading, parser, seconds_in_turn, summary, write_record
from torchvision.utils import save_image

from stylenat.core.cards import ModelCard
from stylenat.core.device import backend
from stylenat.core.images import to_uint8
from stylenat.core.seeds import latents
from stylenat.features._cleanfid import _as_download
from stylenat.features._load import quiet
from stylenat.features.inception_compat import InceptionCompat
from stylenat.features.inception_pytorch import InceptionPytorch
from stylenat.features.one_pass import one_pass
from stylenat.features.random_inception import random_inception
from stylenat.features.statistics import Kept
from stylenat.frechet.distance import frechet_distance, frechet_distance_of_few
from stylenat.frechet.moments import Moments, moments_of
from stylenat.frechet.sample import Sample
from stylenat.metrics import fid
from stylenat.sampling.build import build_generator
from stylenat.sampling.sample import generate

CPU, WIDTH, BATCH = torch.device("cpu"), 2048, 16
ALONE_SHARE = 4  # of how many images generator and detector are timed alone on one
CARD = ModelCard.model_validate(
    {
        "name": "bench",
        "title": "StyleGAN2's architecture at 256 px with few channels, fast: overhead shows most",
        "method": "StyleGAN2",
        "family": "baselines.stylegan2",
        "arch": {"resolution": 256, "channel_max": 32},
        "weights": {"none": "random numbers: speed does not depend on them"},
        "reference": "arXiv:1912.04958",
        "licence": "MIT",
    }
)


def latents_of(generator: torch.nn.Module, rows: range) -> list[torch.Tensor]:
    """The latents of the images `rows`, in batches."""
    starts = range(rows.start, rows.stop, BATCH)
    return [latents(0, range(start, min(start + BATCH, rows.stop)), generator.spec.z_dim) for start in starts]


def call(generator: torch.nn.Module, drawn: list[torch.Tensor]) -> list[torch.Tensor]:
    """The generator alone, on latents that are there."""
    with torch.inference_mode(), backend():
        return [generator(z_BZ) for z_BZ in drawn]


def alone(generator: torch.nn.Module, extractor: torch.nn.Module, rows: range) -> tuple[float, float]:
    """Seconds an image that generator and detector take by themselves, on the first part of the images `rows`."""
    part = range(rows.start, rows.start + max(len(rows) // ALONE_SHARE // BATCH, 1) * BATCH)
    generator_seconds, images = seconds_of(partial(call, generator, latents_of(generator, part)))
    pixels = [to_uint8(image_BCHW, generator.spec) for image_BCHW in images]
    return generator_seconds / len(part), seconds_of(partial(detect, extractor, pixels))[0] / len(part)


def detect(extractor: torch.nn.Module, images: list[torch.Tensor]) -> None:
    """The detector alone, on images that are there."""
    with torch.inference_mode(), backend():
        for pixel_BCHW in images:
            extractor(pixel_BCHW)


def ours(generator: torch.nn.Module, extractor: torch.nn.Module, rows: range) -> tuple[Moments, np.ndarray]:
    """One shard as stage `features` makes it."""
    found = one_pass(generate(generator, 0, rows, BATCH, CPU), {"d": extractor}, {"d": Kept(True, True)}, rows, CPU, {})
    return found["d"].moments, found["d"].feature_ND


def write_pngs(generator: torch.nn.Module, rows: range, folder: Path) -> None:
    """The official way's first half: images in batches of 4, each written as a PNG file."""
    spec = generator.spec
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (spec.pixel_mean, spec.pixel_std))
    with torch.inference_mode():
        for start in range(rows.start, rows.stop, 4):
            z_BZ = latents(0, range(start, min(start + 4, rows.stop)), spec.z_dim)
            for index, image_CHW in enumerate(generator(z_BZ), start):
                save_image((image_CHW * std + mean).clamp(0, 1), folder / f"{index:06d}.png")


def pytorch_fid_network(weights: Path) -> torch.nn.Module:
    """The package's own network with these weights, in the place of its download."""
    from pytorch_fid.inception import FID_WEIGHTS_URL, InceptionV3

    with quiet(), _as_download(weights, FID_WEIGHTS_URL):
        return InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[WIDTH]]).eval()


def seconds_of(work: Callable[[], object]) -> tuple[float, object]:
    """Wall-clock seconds of one call, and what it gave."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


class Ours:
    """Our side of a comparison, chunk by chunk, each beside the generator and the detector alone."""

    def __init__(self, generator: torch.nn.Module, extractor: torch.nn.Module, real_ND: np.ndarray) -> None:
        self.generator, self.extractor = generator, extractor
        self.real = Sample((moments_of(real_ND),), real_ND)
        self.parts: list[Moments] = []
        self.tables: list[np.ndarray] = []
        self.per_image: list[tuple[float, float, float]] = []  # generator, detector, ours
        ours(generator, extractor, range(BATCH))  # warms both up

    def work_on(self, rows: range) -> None:
        """One chunk."""
        least = alone(self.generator, self.extractor, rows)
        lasted, (moments, feature_ND) = seconds_of(partial(ours, self.generator, self.extractor, rows))
        self.per_image.append((*least, lasted / len(rows)))
        self.parts.append(moments)
        self.tables.append(feature_ND)

    def ended(self, side: str, seconds: float) -> dict:
        """The distance, and both sides' overhead; `seconds` are the other side's, of all images and its distance."""
        fakes = Sample(tuple(self.parts), np.concatenate(self.tables))
        distance_seconds, result = seconds_of(lambda: fid.compute(self.real, fakes))
        generator, detector, _ = (statistics.median(column) for column in zip(*self.per_image, strict=True))
        least = (generator + detector) * fakes.count
        ratios = [mine / (first + second) for first, second, mine in self.per_image]
        overhead = {"ours": statistics.median(ratios) - 1 + distance_seconds / least, side: seconds / least - 1}
        return {
            "ms_an_image": {"generator": 1e3 * generator, "detector": 1e3 * detector},
            "ours_ms_an_image": [1e3 * row[2] for row in self.per_image],
            "seconds": {"distance": distance_seconds, side: seconds},
            "chunk_ratios": ratios,
            "overhead": overhead,
            "value": {"ours": result.value},
        }


def chunks_of(count: int, chunks: int) -> list[range]:
    """The images in chunks."""
    return [range(int(rows[0]), int(rows[-1]) + 1) for rows in np.array_split(np.arange(count), chunks)]


def against_official(count: int, chunks: int, weights: Path, real_ND: np.ndarray) -> dict:
    """Ours and the official way, chunk by chunk, between the generator and the detector alone."""
    from pytorch_fid.fid_score import calculate_activation_statistics, calculate_frechet_distance

    generator, theirs = build(), pytorch_fid_network(weights)
    side, seconds = Ours(generator, InceptionPytorch(weights, str(WIDTH)), real_ND), 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for rows in chunks_of(count, chunks):
            side.work_on(rows)
            folder = Path(scratch, str(rows.start))
            folder.mkdir()
            seconds += seconds_of(partial(write_pngs, generator, rows, folder))[0]
        files = sorted(str(path) for path in Path(scratch).rglob("*.png"))
        read = partial(calculate_activation_statistics, files, theirs, 50, WIDTH, "cpu", num_workers=0)
        lasted, (mean_D, covariance_DD) = seconds_of(read)
        seconds += lasted
    known = np.mean(real_ND.astype(np.float64), axis=0), np.cov(real_ND.astype(np.float64), rowvar=False)
    lasted, value = seconds_of(partial(calculate_frechet_distance, mean_D, covariance_DD, *known))
    found = side.ended("official", seconds + lasted)
    found["value"]["official"] = float(value)
    return found


def against_torch_fidelity(count: int, chunks: int, weights: Path, real_ND: np.ndarray) -> dict:
    """Ours and torch-fidelity with a generator as its input, whose reals are cached before."""
    from torch_fidelity import GenerativeModelModuleWrapper, calculate_metrics

    generator = build()
    side = Ours(generator, InceptionCompat(weights, str(WIDTH)), real_ND)
    for rows in chunks_of(count, chunks):
        side.work_on(rows)
    with tempfile.TemporaryDirectory() as cache:
        made = GenerativeModelModuleWrapper(_InUint8(generator), generator.spec.z_dim, "normal", 0)
        options = {"fid": True, "cuda": False, "batch_size": BATCH, "save_cpu_ram": True, "verbose": False}
        options |= {"feature_extractor_weights_path": str(weights), "cache_root": cache, "input2_cache_name": "reals"}
        _put_into_cache(Path(cache), real_ND)
        lasted, found = seconds_of(
            partial(calculate_metrics, input1=made, input2=_Nothing(), input1_model_num_samples=count, **options)
        )
    result = side.ended("torch-fidelity", lasted)
    result["value"]["torch-fidelity, other latents"] = found["frechet_inception_distance"]
    return result


class _InUint8(torch.nn.Module):
    """A generator as torch-fidelity wants it."""

    def __init__(self, generator: torch.nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, z_BZ: torch.Tensor) -> torch.Tensor:
        return to_uint8(self.generator(z_BZ), self.generator.spec)


class _Nothing(torch.utils.data.Dataset):
    """The reals: their statistics are cached, so that none is ever asked for."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> torch.Tensor:
        raise AssertionError("the cached statistics were not taken")


def _put_into_cache(folder: Path, real_ND: np.ndarray) -> None:
    """Statistics where torch-fidelity looks for them, in its own form."""
    from torch_fidelity.metric_fid import fid_features_to_statistics

    statistics = fid_features_to_statistics(torch.from_numpy(real_ND))
    torch.save(statistics, folder / f"reals-inception-v3-compat-stat-fid-{WIDTH}.pt")


def build() -> torch.nn.Module:
    """The network, with seeded random weights."""
    torch.manual_seed(0)
    return build_generator(CARD, None)


def distances(rounds: int) -> dict:
    """The distance alone at the width of Inception: more images than features, and fewer."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    found = {}
    for name, count in (("10,000 images", 10_000), ("2,000 images", 2_000)):
        rng = np.random.default_rng(0)
        scale_D = np.arange(1, WIDTH + 1) ** -0.5
        one_ND, other_ND = ((rng.standard_normal((count, WIDTH)) * scale_D + 0.3).astype(np.float32) for _ in range(2))
        one, other = moments_of(one_ND), moments_of(other_ND)
        of_few = partial(frechet_distance_of_few, one_ND, other_ND)
        parts = (one.mean_D, one.covariance_DD, other.mean_D, other.covariance_DD)
        sides = {
            "ours": of_few if count <= WIDTH else partial(frechet_distance, one, other),
            "sqrtm": partial(calculate_frechet_distance, *parts),
        }
        values = {side: float(run()) for side, run in sides.items()}
        found[name] = summary(seconds_in_turn(sides, rounds, warm_up=False), "ours") | {"value": values}
        ratio = found[name]["sqrtm"]["over_ours"]
        times = "  ".join(f"{side} {found[name][side]['median_ms'] / 1e3:.2f} s" for side in sides)
        print(f"distance at d = {WIDTH}, {name}: {times}  ratio {ratio:.1f}")
    return found


def tell(name: str, found: dict) -> None:
    """Generator and detector alone, and each side's overhead over them."""
    alone_ms = found["ms_an_image"]
    print(f"{name}: generator {alone_ms['generator']:.1f} ms + detector {alone_ms['detector']:.1f} ms an image")
    for side, overhead in found["overhead"].items():
        print(f"  {side:15} overhead {overhead:+.1%}")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=int, default=2000, help="images")
    arguments.add_argument("--chunks", type=int, default=16, help="into which they are cut between the sides")
    arguments.add_argument("--rounds", type=int, default=3, help="of the distance alone")
    args = arguments.parse_args()
    warnings.simplefilter("ignore")
    print(heading(CPU))
    found: dict[str, dict] = {"distances": distances(args.rounds)}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "inception.pth")
        torch.save(random_inception(0), weights)
        rng = np.random.default_rng(1)
        real_ND = rng.uniform(0.2, 0.6, (args.count, WIDTH)).astype(np.float32)
        for name, compare in (("official", against_official), ("torch-fidelity", against_torch_fidelity)):
            found[name] = compare(args.count, args.chunks, weights, real_ND)
            tell(name, found[name])
    network = {"family": CARD.family, "arch": CARD.arch}
    write_record(args.out, "fid-256", CPU, found | {"images": args.count, "network": network})


if __name__ == "__main__":
    main()
