#!/bin/sh
# Compiles every .cu beside this script to PTX, which is kept with the sources: who builds or runs Lorikeet needs no nvcc.
# The virtual architecture is the oldest that this nvcc knows or, for TF32, the oldest that has it, and .version is lowered so that drivers from CUDA 11.8 on
# take it. The first lines of each .ptx say what it was made of; PtxSourceTest holds them to it.
set -eu
FLAGS="-std=c++17 -ptx"
VERSION=7.8

cd "$(dirname "$0")"
target="${1:-../resources/lorikeet/kernels/cuda}"
mkdir -p "$target"
for source in *.cu; do
    ptx="$target/${source%.cu}.ptx"
    headers=$(sed -n 's/^#include "\(.*\)"$/\1/p' "$source")
    hash=$({ cat "$source" $headers; printf %s "$FLAGS"; } | sha256sum | cut -d ' ' -f 1)
    case $source in *_tf32_*) architecture=80 ;; *) architecture=75 ;; esac
    nvcc "-arch=compute_$architecture" $FLAGS "$source" -o "$ptx.part"
    {
        echo "// Made by compile.sh from $source; do not edit."
        echo "// sha256 of source, headers and flags: $hash"
        sed "s/^\.version .*/.version $VERSION/" "$ptx.part"
    } > "$ptx.new"
    rm "$ptx.part"
    mv "$ptx.new" "$ptx"
done
