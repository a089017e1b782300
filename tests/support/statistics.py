"""Statistics of images made from given features, as stage `features` leaves them."""

from stylenat.features.collection import Collection, OfDetector, shard_file, write_collection
from stylenat.features.statistics import Kept, key_of, make_shard, shard_path, shard_ranges, write_shard

DEVICE = {"kind": "cpu", "name": "a machine"}


def write_statistics(
    path,
    feature_ND,
    images,
    detector="toydetector",
    weights="a" * 64,
    kept=None,
    shard_images=2500,
    preprocessing="tensorflow",
):
    """A manifest at `path` over shards beside it; `images` is what decides the images."""
    key, shards = key_of({"images": images, "weights": weights}), []
    for rows in shard_ranges(len(feature_ND), shard_images):
        place = shard_path(path.parent / "statistics", key, rows.start, rows.stop)
        shard = make_shard(feature_ND[rows.start : rows.stop], kept or Kept(True, True), DEVICE)
        write_shard(place, key, shard)
        shards.append(shard_file(path, place, len(rows)))
    own = OfDetector(key=key, preprocessing=preprocessing, weights_sha256=weights, shards=shards)
    given = {"images": images, "count": len(feature_ND), "shard_images": shard_images, "devices": [DEVICE["name"]]}
    write_collection(path, Collection(**given, detectors={detector: own}))
    return path
