#!/usr/bin/env bash
# Keeps the pictures of the panel that people are shown, small: keep-screenshots.sh FOLDER.
set -euo pipefail
cd "$(dirname "$0")/.."

from=$1
mkdir -p docs/images
for picture in "$from"/*.png; do
    name=$(basename "$picture")
    case $name in
    whole-* | *-3840-*) ;;
    *) pngquant --force --speed 1 --quality 40-80 --strip --output "docs/images/$name" 128 "$picture" ;;
    esac
done
du -sh docs/images
