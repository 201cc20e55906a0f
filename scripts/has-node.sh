#!/usr/bin/env bash
# Whether there is an npm here, and a Node that the panel's tools work with: 20.19, or 22.12 or later, as Vite wants it.
command -v npm >/dev/null && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
