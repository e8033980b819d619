"""Create the screenshots of `docs/discord.md`: the bot's messages in a chat client's style, with headless Chromium.

    python docs/screens/make.py [NAME …]

Without names, all scenes are drawn, and their texts are written to `texts.txt`, with which a test compares the product.
`--texts` writes only the texts. Drawing requires `chromium` on the PATH and the fonts Inter, Noto Sans CJK and Noto
Color Emoji.
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]

import chat  # noqa: E402
import content  # noqa: E402
import scenes  # noqa: E402

TEXTS = HERE / "texts.txt"
IN_CHINESE = ("progress", "answer", "why", "abstention", "helper", "ingest", "jobs", "settings", "help", "direct")
"""Scenes that are also drawn in Chinese."""

BACKGROUND = (0x31, 0x33, 0x38)
WIDTH, HEIGHT, SCALE = 720, 2400, 2
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def take_screenshot(page: str) -> Image.Image:
    """Take a screenshot of a page and crop the empty area below it."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.png")
        source.write_text(page, encoding="utf-8")
        options = [f"--window-size={WIDTH},{HEIGHT}", f"--force-device-scale-factor={SCALE}", f"--screenshot={target}"]
        profile = f"--user-data-dir={folder}/profile"
        subprocess.run(["chromium", *FLAGS, *options, profile, source.as_uri()], check=True, capture_output=True)
        image = Image.open(io.BytesIO(target.read_bytes())).convert("RGB")
    box = ImageChops.difference(image, Image.new("RGB", image.size, BACKGROUND)).getbbox()
    bottom = (box[3] if box else image.height) + 20 * SCALE
    return image.crop((0, 0, image.width, min(bottom, image.height)))


def draw(name: str, language: str) -> None:
    """Draw a scene in one language."""
    image = take_screenshot(chat.page(scenes.SCENES[name](content.LANGUAGES[language])))
    file = HERE / (f"{name}.png" if language == "en" else f"{name}.{language}.png")
    image.quantize(200).save(file, optimize=True)
    print(f"docs/screens/{file.name}", image.size)


def write_texts() -> str:
    """Return the texts of all scenes in all languages."""
    parts = [
        f"## {name} ({language})\n\n" + "\n".join(map(chat.as_text, scene(workshop)))
        for name, scene in scenes.SCENES.items()
        for language, workshop in content.LANGUAGES.items()
    ]
    return "\n\n".join(parts) + "\n"


def main(names: list[str]) -> None:
    """Render the named scenes, or all."""
    if not names or "--texts" in names:
        TEXTS.write_text(write_texts(), encoding="utf-8")
        print(f"docs/screens/{TEXTS.name}")
    for name in [] if "--texts" in names else names or scenes.SCENES:
        draw(name, "en")
        if name in IN_CHINESE:
            draw(name, "zh-CN")


if __name__ == "__main__":
    main(sys.argv[1:])
