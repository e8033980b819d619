"""Source code: blocks at definitions, titled with the file name."""

from tests.reading import read

FUNCTION = 'def f{n}(values):\n    """Return the mean rainfall {n}."""\n\n    return sum(values)\n'


def test_code__is_split_at_definitions_and_keeps_indentation():
    document = read("src/rain.py", "import os\n\n\n" + "\n\n".join(FUNCTION.format(n=n) for n in range(30)))
    fences = document.blocks[0].text.split("```python\n")[1:]
    assert document.title == "rain.py"
    assert len(fences) > 2
    assert all(fence.lstrip().startswith(("import", "def")) for fence in fences)
    assert all("\n\n    return sum(values)\n" in fence for fence in fences)


def test_code__settings_stay_lines():
    document = read("app.yaml", "server:\n  port: 8080\n\nlog: debug\n")
    assert document.blocks[0].text == "server:\n  port: 8080\n\nlog: debug"
