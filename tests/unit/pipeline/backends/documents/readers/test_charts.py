"""Charts as tables."""

from lxml import etree

from pipeline.backends.documents.readers.charts import find_sources, read_chart

NAMESPACES = 'xmlns:c="urn:chart" xmlns:a="urn:drawing"'


def points(kind: str, values: list[str], code: str = "") -> str:
    texts = "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values) if value)
    return f"<c:{kind}><c:formatCode>{code}</c:formatCode>{texts}</c:{kind}>"


def series(name: str, values: list[str], categories: list[str], code: str = "General") -> str:
    return (
        f"<c:ser><c:tx><c:strRef><c:f>S!B1</c:f>{points('strCache', [name])}</c:strRef></c:tx>"
        f"<c:cat><c:strRef><c:f>S!A2:A9</c:f>{points('strCache', categories)}</c:strRef></c:cat>"
        f"<c:val><c:numRef><c:f>S!B2:B9</c:f>{points('numCache', values, code)}</c:numRef></c:val></c:ser>"
    )


def texts_of(*parts: str, title: str = "", axes: str = "") -> list[str]:
    heading = f"<c:title><c:tx><a:p><a:r><a:t>{title}</a:t></a:r></a:p></c:tx></c:title>" if title else ""
    plot = f"<c:plotArea><c:barChart>{''.join(parts)}</c:barChart>{axes}</c:plotArea>"
    root = etree.fromstring(f"<c:chartSpace {NAMESPACES}><c:chart>{heading}{plot}</c:chart></c:chartSpace>")
    return [element.text for element in read_chart(root)]


def test_chart__is_a_table_of_categories_and_series_with_equal_values():
    years = ["2023", "2024", "2025"]
    assert texts_of(
        series("Apples", ["4", "4", "5"], years), series("Pears", ["4", "", "0.5"], years), title="Yield"
    ) == [
        "Yield",
        "|  | Apples | Pears |\n| --- | --- | --- |\n| 2023 | 4 | 4 |\n| 2024 | 4 |  |\n| 2025 | 5 | 0.5 |",
    ]


def test_chart__values_have_their_format():
    assert "| a | 12.5% |" in texts_of(series("Share", ["0.125", "0.5"], ["a", "b"], "0.0%"))[0]


def test_chart__axis_titles_are_kept():
    axis = "<c:{0}><c:title><c:tx><a:p><a:r><a:t>{1}</a:t></a:r></a:p></c:tx></c:title></c:{0}>"
    found = texts_of(
        series("A", ["1", "2"], ["x", "y"]), axes=axis.format("catAx", "Year") + axis.format("valAx", "tonnes")
    )
    assert found[0] == "tonnes"
    assert found[1].startswith("| Year | A |")


def test_chart__series_with_other_categories_are_another_table():
    found = texts_of(series("A", ["1", "2"], ["x", "y"]), series("B", ["3", "4"], ["v", "w"]))
    assert [text.splitlines()[0] for text in found] == ["|  | A |", "|  | B |"]


def test_chart__without_names_and_categories_numbers_its_points():
    assert "| 2 | 8 |" in texts_of(f"<c:ser><c:val>{points('numLit', ['7', '8'])}</c:val></c:ser>")[0]


def test_chart__with_a_point_at_a_huge_index_stays_small():
    literal = '<c:numLit><c:pt idx="4000000000"><c:v>7</c:v></c:pt><c:pt idx="0"><c:v>1</c:v></c:pt></c:numLit>'
    assert len("".join(texts_of(f"<c:ser><c:val>{literal}</c:val></c:ser>"))) < 100


def test_sources__are_the_cells_of_the_values():
    root = etree.fromstring(f"<c:chartSpace {NAMESPACES}>{series('A', ['1'], ['x'])}</c:chartSpace>")
    assert find_sources(root) == ["S!B1", "S!A2:A9", "S!B2:B9"]
