"""Measure text recognition: word accuracy, confidence, time and memory over pages rendered from known text.

    python benchmarks/ocr.py [--font zh=NotoSansSC-Regular.otf] [--pdf-pages 60]

Renders A4 pages at 200 dpi: 43 in English, German and Chinese in several fonts and sizes, rotated, with JPEG artefacts
and noise, and in two columns, and one page in each of other languages and scripts. Word accuracy is 1 - the edit
distance in words (characters for Chinese and Japanese) / the words of the page, so that the reading order counts. The
fonts are DejaVu and Liberation; pages in Chinese and Japanese (zh), Thai (th) and Hindi (hi) are left out if no font
for them is installed or set with `--font`. `--pdf-pages` also reads a scanned PDF of so many pages through the parser
and its child process.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean

from PIL import Image, ImageDraw, ImageFont

from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.backends.documents.ocr import recognise_image
from pipeline.backends.documents.recognition import OcrLimits
from pipeline.types import Source

DPI = 200
FONTS = {
    "sans": "DejaVuSans.ttf",
    "serif": "DejaVuSerif.ttf",
    "mono": "DejaVuSansMono.ttf",
    "times": "LiberationSerif-Regular.ttf",
    "arial": "LiberationSans-Regular.ttf",
    "bold": "LiberationSans-Bold.ttf",
}
CJK = ("zh", "ja")
WITHOUT_FONT = ("zh", "th", "hi")
"""Languages whose font is the installed one, or set with `--font`."""
TARGETS = ("en", "de", "zh")
TEXTS = {
    "en": (
        "The lease of the boathouse begins on 1 April 2026 and ends on 31 March 2031.",
        "The rent is 1,250.50 euros per month, payable in advance by the third working day.",
        "A penalty of 2.5 % applies to every payment that is more than ten days late.",
        "The tenant keeps the landing stage, the crane and the slipway in good order.",
        "Repairs above 400 euros are agreed in writing before they begin.",
        "Boats longer than 9 metres need the harbour master's consent (form HB-12).",
        "Smoking, open fire and the storage of fuel are forbidden in the hall.",
        "Keys are returned to the office, Quay Street 17, by noon on the last day.",
        "Either party may end the contract with six months' notice to the end of a quarter.",
        "The deposit of 3,750 euros is repaid within 30 days.",
        "Questions: office@harbour.example or +49 431 555-0199.",
        "Insurance must cover at least 2 million euros per event.",
    ),
    "de": (
        "Der Mietvertrag über das Bootshaus beginnt am 1.",
        "April 2026 und endet am 31.",
        "März 2031.",
        "Die Miete beträgt 1.250,50 Euro im Monat und ist im Voraus zu zahlen.",
        "Für verspätete Zahlungen gilt eine Vertragsstrafe von 2,5 % der Summe.",
        "Größere Reparaturen über 400 Euro müssen schriftlich vereinbart werden.",
        "Der Mieter hält Steg, Kran und Slipanlage in ordnungsgemäßem Zustand.",
        "Boote mit einer Länge von mehr als 9 Metern benötigen die Zustimmung des Hafenmeisters.",
        "Rauchen, offenes Feuer und die Lagerung von Kraftstoff sind in der Halle verboten.",
        "Die Schlüssel werden spätestens am letzten Tag um zwölf Uhr im Büro, Kaistraße 17, abgegeben.",
        "Beide Parteien können den Vertrag mit sechs Monaten Frist zum Quartalsende kündigen.",
        "Die Kaution wird innerhalb von 30 Tagen zurückgezahlt.",
        "Übermäßiger Lärm stört die Gäste auf den Nachbargrundstücken.",
    ),
    "zh": (
        "船屋租约自2026年4月1日起生效，至2031年3月31日止。",
        "租金为每月1250.50欧元，须在每月第三个工作日之前预付。",
        "逾期超过十天的款项须支付百分之二点五的违约金。",
        "承租人应保持码头、起重机和滑道的良好状态。",
        "超过400欧元的维修须事先书面商定。",
        "长度超过九米的船只需要港务长的同意。",
        "大厅内禁止吸烟、明火和存放燃料。",
        "钥匙应在最后一天中午之前交还办公室。",
        "任何一方均可提前六个月通知终止合同。",
        "押金三千七百五十欧元将在三十天内退还。",
        "保险金额每次事故不得少于两百万欧元。",
    ),
    "fr": (
        "Le loyer du hangar à bateaux s'élève à 1 250,50 euros par mois et doit être payé à l'avance.",
        "Une pénalité de 2,5 % s'applique à tout paiement reçu après l'échéance.",
        "Les réparations supérieures à 400 euros sont décidées par écrit.",
        "Le dépôt de garantie sera restitué dans un délai de trente jours.",
        "Où sont gardées les clés de la forêt.",
    ),
    "es": (
        "El alquiler del cobertizo asciende a 1.250,50 euros al mes y se paga por adelantado.",
        "Se aplicará una penalización del 2,5 % a los pagos atrasados.",
        "Las reparaciones de más de 400 euros se acuerdan por escrito.",
        "¿Quién guarda las llaves del pequeño almacén? El depósito se devolverá en un plazo de treinta días.",
    ),
    "pl": (
        "Czynsz za hangar wynosi 1250,50 euro miesięcznie i jest płatny z góry.",
        "Za opóźnione płatności naliczana jest kara umowna w wysokości 2,5 %.",
        "Większe naprawy wymagają pisemnej zgody właściciela.",
        "Źródło światła znajduje się na końcu pomostu.",
        "Żeglarze oddają klucze najpóźniej w południe.",
    ),
    "ru": (
        "Арендная плата за эллинг составляет 1250 евро в месяц и вносится заранее.",
        "За просрочку начисляется неустойка.",
        "Ключи возвращаются в офис до полудня последнего дня.",
        "Курение в зале запрещено.",
    ),
    "el": (
        "Το ενοίκιο του λεμβοστασίου είναι 1250 ευρώ τον μήνα και καταβάλλεται εκ των προτέρων.",
        "Το κάπνισμα απαγορεύεται στην αίθουσα.",
    ),
    "ar": (
        "إيجار بيت القوارب هو ألف ومئتان وخمسون يورو شهريا ويدفع مقدما.",
        "يمنع التدخين في القاعة.",
    ),
    "th": (
        "ค่าเช่าโรงเก็บเรือ เดือนละ 1250 ยูโร ชำระล่วงหน้าภายในวันทำการที่สาม",
        "หากชำระล่าช้าเกินสิบวัน ต้องเสียค่าปรับ",
        "ห้ามสูบบุหรี่ในห้องโถง และคืนกุญแจก่อนเที่ยงของวันสุดท้าย",
    ),
    "hi": (
        "नाव घर का किराया 1250 यूरो प्रति माह है और अग्रिम देय है।",
        "दस दिन से अधिक देरी होने पर जुर्माना लगेगा।",
        "हॉल में धूम्रपान वर्जित है और चाबियाँ अंतिम दिन दोपहर तक लौटानी हैं।",
    ),
    "ja": (
        "ボートハウスの賃料は月額1250ユーロで、前払いとする。",
        "支払いが十日以上遅れた場合は違約金を課す。",
        "鍵は最終日の正午までに事務所に返却すること。",
        "ホール内での喫煙は禁止されています。",
    ),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page to render."""

    language: str
    font: str
    points: float = 11
    angle: int = 0
    quality: int = 0
    """JPEG quality; 0 stores the page without loss."""
    noise: int = 0
    """Standard deviation of the noise in levels, before it is blended."""
    columns: int = 1

    @property
    def group(self) -> str:
        """The row of the result table."""
        kinds = {
            f"turned by {self.angle}°": self.angle,
            "JPEG and noise": self.quality,
            "two columns": self.columns > 1,
            "clean": True,
        }
        return f"{self.language}, {next(kind for kind, applies in kinds.items() if applies)}"


def build_pages() -> list[Page]:
    """Return the pages of the benchmark."""
    sizes = (("sans", 11), ("times", 10), ("serif", 12), ("mono", 9), ("arial", 8), ("bold", 14))
    pages = [Page(language, font, points) for language in ("en", "de") for font, points in sizes]
    pages += [Page("zh", "zh", points) for points in (8, 9, 11, 14)]
    for language, font in (("en", "times"), ("de", "sans"), ("zh", "zh")):
        pages += [Page(language, font, angle=angle) for angle in (2, -2, 90, 180, 270)]
        pages += [
            Page(language, font, quality=quality, noise=noise) for quality, noise in ((30, 0), (40, 60), (60, 100))
        ]
        pages.append(Page(language, font, 10, columns=2))
    pages += [Page(language, "sans") for language in ("fr", "es", "pl", "ru", "el", "ar")]
    return [*pages, Page("th", "th"), Page("hi", "hi"), Page("ja", "zh")]


def render(page: Page, number: int, fonts: Mapping[str, str]) -> tuple[Image.Image, str]:
    """Render a page; return it with its text."""
    font = ImageFont.truetype(fonts[page.font], round(page.points * DPI / 72))
    width, height, margin, gutter = int(8.27 * DPI), int(11.69 * DPI), int(0.9 * DPI), int(0.4 * DPI)
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    column = (width - 2 * margin - gutter * (page.columns - 1)) // page.columns
    lines = wrap(page.language, number, draw, font, column)
    pitch, per_column = int(page.points * DPI / 72 * 1.45), -(-len(lines) // page.columns)
    for index, line in enumerate(lines):
        x = margin + index // per_column * (column + gutter)
        draw.text((x, margin + index % per_column * pitch), line, font=font, fill=20)
    image = image.rotate(page.angle, expand=page.angle % 90 == 0, resample=Image.Resampling.BICUBIC, fillcolor=255)
    if page.noise:
        image = Image.blend(image, Image.effect_noise(image.size, page.noise), 0.18)
    if page.quality:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=page.quality)
        image = Image.open(buffer)
    return image, join(page.language, lines)


def wrap(language: str, number: int, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Wrap the sentences of a language, shuffled, at a width in pixels."""
    sentences = list(TEXTS[language])
    random.Random(number).shuffle(sentences)
    text = "".join(sentences) if language in CJK else " ".join(sentences)
    lines = [""]
    for unit in split(language, text):
        longer = join(language, [lines[-1], unit]) if lines[-1] else unit
        if draw.textlength(longer, font) > width:
            lines.append(unit)
        else:
            lines[-1] = longer
    return lines


def split(language: str, text: str) -> list[str]:
    """Split a text into words, or into characters for Chinese and Japanese."""
    return [character for character in text if not character.isspace()] if language in CJK else text.split()


def join(language: str, parts: Sequence[str]) -> str:
    """Join words or lines."""
    return ("" if language in CJK else " ").join(parts)


def measure_accuracy(expected: Sequence[str], found: Sequence[str]) -> float:
    """Return 1 - the edit distance / the number of expected words."""
    row = list(range(len(found) + 1))
    for number, word in enumerate(expected, 1):
        previous, row = row, [number]
        for index, other in enumerate(found):
            row.append(min(previous[index + 1] + 1, row[index] + 1, previous[index] + (word != other)))
    return 1 - row[-1] / len(expected)


def measure_pages(fonts: Mapping[str, str]) -> None:
    """Recognise all pages and print a table."""
    rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for number, page in enumerate(build_pages()):
        if not fonts[page.font]:
            continue
        image, text = render(page, number, fonts)
        started = time.process_time()
        result = recognise_image(partial(image.copy))
        seconds = time.process_time() - started
        found = split(page.language, "\n".join(result.paragraphs))
        accuracy = measure_accuracy(split(page.language, text), found)
        name = page.group if result.outcome == "text" else f"{page.group}: {result.outcome}"
        rows[name].append((accuracy, result.confidence, seconds))
    print(f"{'pages':<36} {'n':>3} {'accuracy':>9} {'lowest':>7} {'confidence':>11} {'CPU s':>6}")
    for name, values in rows.items():
        print_row(name, values)
    print_row("en, de and zh together", [v for name, values in rows.items() if name[:2] in TARGETS for v in values])
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def print_row(name: str, values: Sequence[tuple[float, float, float]]) -> None:
    """Print the means of a group of pages."""
    accuracy, confidence, seconds = zip(*values, strict=True)
    print(
        f"{name:<36} {len(values):>3} {mean(accuracy):>9.4f} {min(accuracy):>7.3f} {mean(confidence):>11.3f}"
        f" {mean(seconds):>6.2f}"
    )


def measure_pdf(pages: int) -> None:
    """Read a scanned PDF through the parser; print the time per page and the peak memory of its child process."""
    images = [render(Page("en", "times"), number, FONTS)[0] for number in range(pages)]
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", save_all=True, append_images=images[1:], resolution=DPI)
    parser = KreuzbergParser(ocr=OcrLimits())
    started = time.monotonic()
    parsed = parser.parse(Source("scan.pdf", buffer.getvalue()))
    seconds = time.monotonic() - started
    parser.close()
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"PDF of {pages} pages: {seconds / pages:.2f} s per page, child {memory:.0f} MB, {len(parsed.blocks)} blocks")


def find_font(language: str) -> str:
    """Return the file of an installed font for a language, or an empty string."""
    command = ["fc-list", f":lang={language}", "--format=%{file}\n"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return found[0] if found else ""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--font", action="append", default=[], metavar="LANGUAGE=FILE", help=f"Font for {', '.join(WITHOUT_FONT)}."
    )
    parser.add_argument("--pdf-pages", type=int, default=0, help="Pages of a scanned PDF to read as well.")
    arguments = parser.parse_args()
    chosen = dict(each.split("=", 1) for each in arguments.font)
    measure_pages(FONTS | {each: chosen.get(each) or find_font(each) for each in WITHOUT_FONT})
    if arguments.pdf_pages:
        measure_pdf(arguments.pdf_pages)


if __name__ == "__main__":
    main()
