"""Create the screenshots of `docs/discord.md`: the bot's messages in a chat client's style, with headless Chromium.

    python docs/screens/make.py [NAME …]

Requires `chromium` on the PATH and the fonts Inter, Noto Sans CJK and Noto Color Emoji.
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
import scenes  # noqa: E402

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


def main(names: list[str]) -> None:
    """Render the named scenes, or all."""
    for name in names or scenes.SCENES:
        image = take_screenshot(chat.page(scenes.SCENES[name]()))
        image.quantize(200).save(HERE / f"{name}.png", optimize=True)
        print(f"docs/screens/{name}.png", image.size)


if __name__ == "__main__":
    main(sys.argv[1:])
