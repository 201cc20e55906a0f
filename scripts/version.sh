#!/usr/bin/env bash
# Prints the version that is being built: Cargo.toml's. A test holds the chart and the panel to it.
set -euo pipefail
sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml"
