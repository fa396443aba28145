"""Execute the notebooks' sources and write the notebooks: ``python notebooks/build.py [NAME ...]``.

The one place where a notebook is made: ``source/NN_title.py`` (jupytext percent) is executed on a lab of its own, made
canonical (no times, no machine's paths, stable ids) and written to ``NN_title.ipynb`` with its charts. A notebook
whose claims do not all hold, or whose chart is too large for a browser to show, is not written.
"""

import base64
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
LARGEST_CHART_BYTES = 300_000
RED = ("FAILS:", "NOT SHOWN:")


def read_source(source: Path) -> Any:
    """Return the notebook of a source file, with stable ids and only the metadata that means something."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if "solution" in tags:
            cell.metadata["jupyter"] = {"source_hidden": True}
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: Any, home: str, scale: str = "workshop") -> Any:
    """Run the notebook in a kernel of its own, with its lab in the folder *home*."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LAB_")}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=environment | {"LAB_HOME": home, "LAB_SCALE": scale})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def faults(notebook: Any) -> list[str]:
    """Return why the notebook must not be published; an empty list if it may."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = "".join(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            if any(word in text for word in RED) or output.output_type == "error":
                found.append(text.strip() or f"error: {output.get('evalue')}")
            if output.get("name") == "stderr":
                found.append(f"a warning: {text.strip()}")
            size = len(base64.b64decode(output.get("data", {}).get("image/png", "")))
            if size > LARGEST_CHART_BYTES:
                found.append(f"a chart of {size} bytes; the limit is {LARGEST_CHART_BYTES}")
    return found


def build(source: Path) -> list[str]:
    """Execute one source and write its notebook, unless it has faults, which are returned."""
    with tempfile.TemporaryDirectory(prefix="lab-notebook-") as home:
        Path(home).chmod(0o711)  # a server that does not run as root has to get there
        notebook = execute(read_source(source), home)
    found = faults(notebook)
    if not found:
        nbformat.write(notebook, FOLDER / f"{source.stem}.ipynb")
    return found


def main(names: list[str]) -> int:
    """Build the named notebooks, or all."""
    sources = sorted((FOLDER / "source").glob("*.py"))
    chosen = [source for source in sources if not names or source.stem in names]
    failed = False
    for source in chosen:
        sys.stderr.write(f"executing {source.name}\n")
        for fault in build(source):
            failed = True
            sys.stderr.write(f"error: {source.name} is not written: {fault}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
