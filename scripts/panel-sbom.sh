#!/usr/bin/env bash
# Prints an SBOM (CycloneDX) of what the panel is made of. `npm sbom --omit dev` leaves out what tools need as well, such as
# Vue itself: so this takes the whole one, and out of it what only tools need.
set -euo pipefail
npm --prefix "$(dirname "$0")/../web" sbom --package-lock-only --sbom-format cyclonedx --loglevel error | node -e '
    const bom = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const isOfTools = (part) =>
        part.scope === "optional" || part.properties.some((property) => property.name === "cdx:npm:package:development");
    bom.components = bom.components.filter((part) => !isOfTools(part));
    const names = new Set([bom.metadata.component, ...bom.components].map((part) => part["bom-ref"]));
    bom.dependencies = bom.dependencies.filter((part) => names.has(part.ref));
    for (const part of bom.dependencies) part.dependsOn = part.dependsOn.filter((name) => names.has(name));
    console.log(JSON.stringify(bom, null, 2));'
