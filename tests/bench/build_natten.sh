#!/usr/bin/env bash
# Build natten for the benchmarks and for tests against it, into build/natten-KIND and importable from there.
#
#   build_natten.sh PYTHON tuned|stock|0.21
#
# tuned, stock: the CPU operators of 0.17.5, the last release with relative position bias. Its own build sets no
#               optimisation and runs on one thread; 'tuned' adds both, 'stock' leaves it as it is.
# 0.21:         0.21.7 without its CUDA library, which leaves the Python code: on a CPU its attention is torch's flex.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(realpath -s "$1") kind=$2 target=$PWD/build/natten-$2 version=0.17.5 flags=""
case $kind in
tuned)
    flags="-O3 -DNDEBUG -fopenmp -std=c++20 -march=native"
    if grep -qw avx512f /proc/cpuinfo; then
        flags+=" -DCPU_CAPABILITY=AVX512 -DCPU_CAPABILITY_AVX512"
    elif grep -qw avx2 /proc/cpuinfo; then
        flags+=" -DCPU_CAPABILITY=AVX2 -DCPU_CAPABILITY_AVX2"
    fi
    ;;
stock) ;;
0.21)
    version=0.21.7
    export CUDA_VISIBLE_DEVICES="" NATTEN_CUDA_ARCH=""  # else a visible GPU starts hours of nvcc
    ;;
*) echo "build_natten.sh: found '$kind', expected tuned, stock or 0.21" >&2 && exit 1 ;;
esac
[ -e "$target/.ready" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A build environment of its own: it sees the project's torch, and leaves the project's packages as they are.
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet setuptools==80.9.0 wheel packaging ninja cmake
"$python" -c 'import site; print(site.getsitepackages()[0])' > "$work/venv/lib/$(ls "$work/venv/lib")/site-packages/torch.pth"
export PATH="$work/venv/bin:$PATH" NATTEN_N_WORKERS=${NATTEN_N_WORKERS:-$(nproc)} CXXFLAGS="$flags"
pip install --quiet --no-build-isolation --no-deps --no-cache-dir --no-binary natten --target "$target" "natten==$version"
touch "$target/.ready"
