"""Text recognition (OCR) in the parser's child process, image by image, with a report to the parent for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pipeline.backends.documents.ocr_engine import Line, recognise_lines
from pipeline.backends.documents.ocr_images import cut_into_strips
from pipeline.backends.documents.ocr_layout import build_paragraphs
from pipeline.backends.documents.recognition import RecognisedImage, Render

MIN_LINE_SCORE = 0.5
"""Confidence below which a line is taken for a pattern in the picture."""
MIN_CONFIDENCE = 0.7
"""Confidence of a page below which its text is not kept: on blurred pages with 0.66, 14 % of the words were right, with
0.86 80 %, and with 0.97 98 %."""
MIN_LETTERS = 2
"""Letters and digits of a picture below which they are taken for a pattern."""
MIN_DENSITY = 0.6
"""Recognised characters per length of a line in line heights; Latin text has about 2, Chinese 1, and text in a script
that the models do not know less than 0.5."""
MIN_LINE_SHAPE = 4
"""Length to height of a line from which its density counts."""
MAX_FOREIGN = 0.3
"""Share of letters of scripts that the models only know in part (Greek, Cyrillic), above which a line is unreadable."""
MAX_UNREADABLE = 0.15
"""Share of the length of all lines that may be unreadable without a report, such as formulas and dotted lines."""

_READABLE_LETTERS = re.compile(
    "[A-Za-z\u00aa-\u024f\u1e00-\u1eff\u3005-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
_LETTERS = re.compile(r"[^\W\d_]")


class PageRecogniser:
    """Recognises the images of one file and reuses the results of an earlier attempt."""

    problem = ""

    def __init__(
        self,
        results: Mapping[int, RecognisedImage],
        lost: Collection[int],
        max_images: int,
        notify: Callable[[dict[str, Any]], None],
    ) -> None:
        """Prepare a file.

        Args:
            results: Results of an earlier attempt by the number of the image in the file, from 1.
            lost: Numbers of images that ended the process before.
            max_images: Images of the file after which no more are recognised.
            notify: Receives a message before each image and another after it.
        """
        self._results = results
        self._lost = lost
        self._max_images = max_images
        self._notify = notify
        self._count = 0

    def recognise(self, images: Sequence[Render]) -> list[RecognisedImage]:
        """Recognise the text of images, one result per image."""
        return [self._recognise_next(render, done, len(images)) for done, render in enumerate(images)]

    def _recognise_next(self, render: Render, done: int, total: int) -> RecognisedImage:
        self._count += 1
        number = self._count
        if number in self._results:
            return self._results[number]
        if number > self._max_images:
            return RecognisedImage("over_limit")
        if number in self._lost:
            return RecognisedImage("failed")
        self._notify({"event": "started", "number": number, "done": done, "total": total})
        result = recognise_image(render)
        self._notify(
            {
                "event": "recognised",
                "number": number,
                "outcome": result.outcome,
                "paragraphs": result.paragraphs,
                "confidence": result.confidence,
            }
        )
        return result


def recognise_image(render: Render) -> RecognisedImage:
    """Recognise the text of one image; errors of the engine end the process, which the parent handles."""
    try:
        image = render()
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError):  # what Pillow and pypdfium2 raise for damaged images
        return RecognisedImage("failed")
    return judge([recognise_lines(strip) for strip in cut_into_strips(image)])


def judge(strips: Sequence[Sequence[Line]]) -> RecognisedImage:
    """Decide from the lines of an image whether it contains text, and whether the models can read it.

    An image with lines of both kinds is an `unknown_script` with the paragraphs that the models can read.
    """
    lines = [line for strip in strips for line in strip]
    share = sum(line.width for line in lines if _is_unreadable(line)) / (sum(line.width for line in lines) or 1)
    if share > 1 / 2:
        return RecognisedImage("unknown_script")
    mixed = share > MAX_UNREADABLE
    readable = [
        [line for line in strip if line.text and line.score >= MIN_LINE_SCORE and not (mixed and _is_unreadable(line))]
        for strip in strips
    ]
    if sum(character.isalnum() for strip in readable for line in strip for character in line.text) < MIN_LETTERS:
        return RecognisedImage("unknown_script" if mixed else "no_text")
    weights = [(line.score, len(line.text)) for strip in readable for line in strip]
    confidence = sum(score * weight for score, weight in weights) / sum(weight for _, weight in weights)
    if confidence < MIN_CONFIDENCE:
        return RecognisedImage("unknown_script")
    paragraphs = [paragraph for strip in readable for paragraph in build_paragraphs(strip)]
    return RecognisedImage("unknown_script" if mixed else "text", tuple(paragraphs), round(confidence, 3))


def _is_unreadable(line: Line) -> bool:
    """Return whether a line has too few characters for its length, or letters of a script that is known in part."""
    if line.width > MIN_LINE_SHAPE * line.height and len(line.text) < MIN_DENSITY * line.width / line.height:
        return True
    letters = _LETTERS.findall(line.text)
    return len(letters) - len(_READABLE_LETTERS.findall(line.text)) > MAX_FOREIGN * max(1, len(letters))
