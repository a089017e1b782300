"""What people really have on their disks: a fault is one line that names the file, exit status 1, nothing half made."""

import errno
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import yaml
from support import raw_files
from support.files import png, png_of_16_bits, recoloured, write_official
from support.toys import dataset_card, photo

from stylenat import cli

COUNT = 6


@pytest.fixture
def config(tmp_path):
    """A folder of cards with one data set; the others are empty."""
    card = dataset_card(COUNT, 8, "box").model_dump(mode="json", exclude_none=True)
    (tmp_path / "config/datasets").mkdir(parents=True)
    (tmp_path / "config/datasets/toyset.yaml").write_text(yaml.safe_dump(card))
    return tmp_path / "config"


def arguments(config, raw, out, *options):
    return ["--config", config, "prepare", "--dataset", "toyset", "--raw", raw, "--out", out, *options]


def one_line(capsys, config, raw, *options):
    """Prepare; the one line on stderr. Nothing that looks like a whole set may be left."""
    out = config.parent / "set" / "manifest.json"
    with pytest.raises(SystemExit) as caught:
        cli.main(list(map(str, arguments(config, raw, out, *options))))
    assert caught.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stylenat")]
    assert len(lines) == 1
    assert not out.exists()
    assert not list((config.parent / "set").rglob(".*"))
    return lines[0]


def swap(data, place):
    """The same bytes with one of them changed."""
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


IN_A_FOLDER = {
    "a truncated PNG": (png(photo(3))[:-60], "can't be decoded"),
    "another size": (png(photo(3, 4)), "found 4x4 px, expected at least 8x8"),
    "not square": (png(photo(3)[:12]), "found 16x12 px, expected a square image"),
    "16 bits": (png_of_16_bits(), "found mode RGB with 16 bits a channel"),
    "grayscale": (recoloured("L"), "found mode L with 8 bits a channel"),
    "a palette": (recoloured("P"), "found mode P with 8 bits a channel"),
    "RGBA": (recoloured("RGBA"), "found mode RGBA with 8 bits a channel"),
    "a CMYK JPEG": (recoloured("CMYK", file_format="jpeg"), "found mode CMYK with 8 bits a channel"),
    "zero bytes": (b"", "found no bytes, expected an image"),
    "HTML": (b"<!DOCTYPE html><html>Quota exceeded</html>", "found an HTML page, expected an image"),
    "a flipped byte": (swap(png(photo(3)), 300), "can't be decoded"),
}


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("fault", IN_A_FOLDER)
def test_one_bad_file_in_a_folder(capsys, config, tmp_path, fault, listed):
    data, says = IN_A_FOLDER[fault]
    raw, listing = write_official(tmp_path / "ffhq", COUNT)
    (raw / "00000" / "00003.png").write_bytes(data)
    line = one_line(capsys, config, raw, *(["--checklist", listing] if listed else []))
    assert "00000/00003.png: " in line
    assert says in line


@pytest.mark.parametrize("listed", [True, False])
def test_duplicate_pixels(capsys, config, tmp_path, listed):
    raw, listing = write_official(tmp_path / "ffhq", COUNT)
    (raw / "00000" / "00003.png").write_bytes(png(photo(1), compress_level=1))
    line = one_line(capsys, config, raw, *(["--checklist", listing] if listed else []))
    assert "00000/00003.png: " in line
    assert ("its pixels have md5" if listed else "the same pixels as in 00000/00001.png") in line


def test_a_zip_entry_that_leaves_the_archive(capsys, config, tmp_path):
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as file:
        for number in range(COUNT):
            file.writestr(f"{'../' * (number == 3)}{number:05d}.png", png(photo(number)))
    assert "raw.zip/../00003.png: found a name that leaves the archive" in one_line(
        capsys, config, tmp_path / "raw.zip"
    )


def test_a_tfrecord_with_a_bad_checksum(capsys, config, tmp_path):
    path = raw_files.write_tfrecords(tmp_path / "toy-r04.tfrecords", [photo(number) for number in range(COUNT)])
    data = path.read_bytes()
    path.write_bytes(swap(data, len(data) // 2))
    line = one_line(capsys, config, path)
    assert "toy-r04.tfrecords/record-00000" in line
    assert "checksum" in line


def test_a_file_instead_of_the_list(capsys, config, tmp_path):
    raw, listing = write_official(tmp_path / "ffhq", COUNT)
    listing.write_bytes(b"<!DOCTYPE html><html>Quota exceeded</html>")
    assert "ffhq-dataset-v2.json: not valid JSON" in one_line(capsys, config, raw, "--checklist", listing)


def test_a_full_disk_names_the_file(capsys, config, tmp_path, monkeypatch):
    raw, _ = write_official(tmp_path / "ffhq", COUNT)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert "set/shards/shard-00000.npy: No space left on device" in one_line(capsys, config, raw)


def test_a_write_that_the_system_refuses_names_the_file_and_the_next_run_completes(config, tmp_path):
    """The kernel's own refusal, by a limit on the size of files."""
    raw, _ = write_official(tmp_path / "ffhq", COUNT)
    out = tmp_path / "set" / "manifest.json"
    command = [sys.executable, "-m", "stylenat", *map(str, arguments(config, raw, out))]
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))"
    limited = f"import os, resource, sys; {limit}; os.execv(sys.argv[1], sys.argv[1:])"
    refused = subprocess.run([sys.executable, "-c", limited, *command], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.strip().endswith("set/shards/shard-00000.npy: File too large")
    assert not out.exists()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert out.exists()


def test_every_kind_of_source_gives_the_same_manifest(config, tmp_path):
    """Names tell the order in LMDB and in parquet with paths; in TFRecords and in parquet without, the pixels do."""
    raw, listing = write_official(tmp_path / "ffhq", COUNT)
    images = [photo(number) for number in range(COUNT)]
    shuffled = [images[number] for number in np.random.default_rng(0).permutation(COUNT)]
    sources = {
        "folder": raw,
        "tfrecord": raw_files.write_tfrecords(tmp_path / "toy-r04.tfrecords", shuffled),
        "lmdb": raw_files.write_lmdb(tmp_path / "lmdb", {f"16-{n:05d}".encode(): png(images[n]) for n in range(COUNT)}),
        "parquet": raw_files.write_parquet(
            tmp_path / "hf/data/train-00000-of-00001.parquet", [(png(images[n]), f"{n:05d}.png") for n in range(COUNT)]
        ).parent.parent,
        "nameless": raw_files.write_parquet(tmp_path / "other.parquet", [(png(image), None) for image in shuffled]),
    }
    found = {}
    for name, source in sources.items():
        out = tmp_path / name / "manifest.json"
        cli.main(list(map(str, arguments(config, source, out, "--checklist", listing, "--workers", 2))))
        found[name] = out.read_bytes()
    assert len(set(found.values())) == 1, found
