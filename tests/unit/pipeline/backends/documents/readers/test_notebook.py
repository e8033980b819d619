"""Notebooks: Markdown, code and text outputs are read, images are not and are reported."""

import json

from pipeline.types import Unread
from tests.reading import read

IMAGE = "iVBORw0KGgo" + "A1b2" * 6000


def notebook(*cells, version=4):
    return json.dumps({"cells": list(cells), "metadata": {"kernelspec": {"language": "python"}}, "nbformat": version})


def code(source, *outputs):
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


PLOT = {
    "output_type": "display_data",
    "data": {"image/png": IMAGE, "text/plain": ["<Figure size 640x480 with 1 Axes>"]},
}


def test_notebook__text_code_and_output_without_images():
    content = notebook(
        {"cell_type": "markdown", "source": ["# Rainfall study\n", "The gauge stands on roof **C4**."]},
        code("print(df.mm.mean())", PLOT, {"output_type": "stream", "name": "stdout", "text": ["mean 71.3 mm\n"]}),
    )
    document = read("rain.ipynb", content)
    (block,) = document.blocks
    assert document.title == "Rainfall study"
    assert block.headings == ("Rainfall study",)
    assert "roof C4" in block.text.replace("**", "")
    assert "```python\nprint(df.mm.mean())\n```\n\nOutput:\n\n```\nmean 71.3 mm\n```" in block.text
    assert "iVBOR" not in block.text
    assert "Figure size" not in block.text
    assert document.unread == (Unread("images", 1),)


def test_notebook__html_output_is_read_as_its_plain_text():
    table = {
        "output_type": "execute_result",
        "data": {"text/html": "<table><td>7</td></table>", "text/plain": "   mm\n0  71"},
    }
    document = read("a.ipynb", notebook(code("df", table)))
    assert "```\n   mm\n0  71\n```" in document.blocks[0].text
    assert not document.unread


def test_notebook__error_keeps_its_last_line():
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'mm'", "traceback": ["\x1b[31mlong\x1b[0m"] * 30}
    text = read("a.ipynb", notebook(code("df['mm']", error))).blocks[0].text
    assert "KeyError: 'mm'" in text
    assert "long" not in text


def test_notebook__fence_in_code_does_not_end_the_block():
    assert "````python\n'```'\n````" in read("a.ipynb", notebook(code("'```'"))).blocks[0].text


def test_notebook__version_3_and_any_name():
    cell = {
        "cell_type": "code",
        "input": ["x = 3"],
        "language": "python",
        "outputs": [{"output_type": "pyout", "text": ["3"]}],
    }
    old = json.dumps({"metadata": {}, "nbformat": 3, "worksheets": [{"cells": [cell]}]})
    text = read("old.json", old).blocks[0].text
    assert "x = 3" in text
    assert "Output:" in text


def test_notebook__fields_of_other_types_are_left_out():
    content = json.dumps(
        {"nbformat": 4, "metadata": [1], "cells": [None, "x", {"cell_type": "code", "outputs": 3}, code("y = 7")]}
    )
    assert "y = 7" in read("a.ipynb", content).blocks[0].text
