"""Writes docs/openapi.json anew: PYTHONPATH=tests python -m tools.api_document."""

import json
import tempfile
from pathlib import Path

from perdure_node.api.app import create_app
from tools.api_desk import api_desk

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, api_desk(Path(folder) / "node") as desk:
        made = create_app(desk.context).openapi()
    DOCUMENT.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
