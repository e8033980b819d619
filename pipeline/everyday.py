"""Everyday passages: how similar a question is to texts that have nothing to do with it.

Cosine similarities have no common scale: unrelated texts have about 0.1 with all-MiniLM-L6-v2, and 0.72 (English) or
0.80 (Chinese) with multilingual-e5-small. The similarity to everyday passages in the language of the question is the
zero of the scale.
"""

from __future__ import annotations

import threading
from time import monotonic

import numpy as np
import structlog

from pipeline.errors import BudgetExceeded, Cancelled, LeaseLost, ModelUnavailable
from pipeline.ports import Embedder, Matrix
from pipeline.types import RecallResult, Vector

log = structlog.get_logger(__name__)

PASSAGES: tuple[tuple[str, ...], ...] = (
    (  # English
        "The bakery on the corner opens at seven and sells fresh bread until noon.",
        "Water the plants twice a week and keep them away from direct sunlight.",
        "The train to the coast leaves from platform four every half hour.",
        "Mix the flour with two eggs, add the milk slowly and let the dough rest.",
    ),
    (  # Chinese
        "街角的面包店早上七点开门，新鲜面包卖到中午。",
        "这些植物每周浇两次水，不要放在阳光直射的地方。",
        "开往海边的火车每半小时一班，从四号站台出发。",
        "把面粉和两个鸡蛋拌匀，慢慢加入牛奶，然后让面团静置。",
    ),
    (  # German
        "Die Bäckerei an der Ecke öffnet um sieben und verkauft bis mittags frisches Brot.",
        "Die Pflanzen werden zweimal in der Woche gegossen und stehen nicht in der Sonne.",
        "Der Zug an die Küste fährt jede halbe Stunde von Gleis vier ab.",
        "Das Mehl mit zwei Eiern mischen, langsam Milch zugeben und den Teig ruhen lassen.",
    ),
    (  # French
        "La boulangerie du coin ouvre à sept heures et vend du pain frais jusqu'à midi.",
        "Arrosez les plantes deux fois par semaine et gardez-les à l'ombre.",
        "Le train pour la côte part du quai quatre toutes les demi-heures.",
        "Mélangez la farine avec deux œufs, ajoutez le lait et laissez reposer la pâte.",
    ),
    (  # Spanish
        "La panadería de la esquina abre a las siete y vende pan fresco hasta el mediodía.",
        "Riega las plantas dos veces por semana y no las dejes al sol directo.",
        "El tren a la costa sale del andén cuatro cada media hora.",
        "Mezcla la harina con dos huevos, añade la leche poco a poco y deja reposar la masa.",
    ),
    (  # Russian
        "Пекарня на углу открывается в семь и продаёт свежий хлеб до полудня.",
        "Поливайте растения два раза в неделю и не держите их на солнце.",
        "Поезд к побережью отходит с четвёртой платформы каждые полчаса.",
        "Смешайте муку с двумя яйцами, медленно добавьте молоко и дайте тесту отдохнуть.",
    ),
    (  # Arabic
        "يفتح المخبز في الزاوية في السابعة ويبيع الخبز الطازج حتى الظهر.",
        "اسق النباتات مرتين في الأسبوع وأبعدها عن أشعة الشمس المباشرة.",
        "يغادر القطار إلى الساحل من الرصيف الرابع كل نصف ساعة.",
        "اخلط الدقيق مع بيضتين وأضف الحليب ببطء واترك العجين يرتاح.",
    ),
    (  # Japanese
        "角のパン屋は七時に開き、昼まで焼きたてのパンを売っています。",
        "植物には週に二回水をやり、直射日光を避けてください。",
        "海岸行きの列車は三十分ごとに四番線から出ます。",
        "小麦粉に卵を二つ混ぜ、牛乳を少しずつ加えて生地を休ませます。",
    ),
)
"""The same four passages in eight languages."""
WEIGHT = 20
"""Number of passages of the library that count as much as the everyday passages."""
RETRY_AFTER_S = 60.0
"""Seconds before an embedder that failed is asked again; questions of this time are answered without waiting for it."""


class EverydayPassages:
    """The vectors of the everyday passages in one embedding profile, computed with the first question."""

    def __init__(self) -> None:
        """Compute nothing yet."""
        self._lock = threading.Lock()
        self._vectors: Matrix | None = None
        self._failure = ""
        self._retry_at = float("-inf")

    def load(self, embedder: Embedder) -> Matrix:
        """Return the vectors; shape (languages, passages, dimensions).

        Args:
            embedder: Embeds the passages if they have no vectors yet.

        Raises:
            ModelUnavailable: Another question embeds the passages now, or the embedder failed less than
                `RETRY_AFTER_S` ago.
            Exception: The embedder fails.
        """
        if self._vectors is not None:
            return self._vectors
        # A question does not wait for the call of another one: an endpoint that hangs would delay all of them in turn.
        if not self._lock.acquire(blocking=False):
            raise ModelUnavailable("The everyday passages are being embedded for another question.")
        try:
            if self._vectors is None:
                if monotonic() < self._retry_at:
                    raise ModelUnavailable(self._failure)
                self._vectors = self._embed(embedder)
            return self._vectors
        finally:
            self._lock.release()

    def _embed(self, embedder: Embedder) -> Matrix:
        texts = [embedder.profile.passage_input(text) for passages in PASSAGES for text in passages]
        try:
            vectors = embedder.encode(texts)
        except (Cancelled, LeaseLost):
            raise
        except Exception as error:
            self._failure = str(error) or type(error).__name__
            if not isinstance(error, BudgetExceeded):  # the next question may have a budget
                self._retry_at = monotonic() + RETRY_AFTER_S
            log.warning("everyday passages could not be embedded", error=self._failure)
            raise
        return vectors.reshape(len(PASSAGES), -1, vectors.shape[1])


def compute_similarity(passages: Matrix, vector: Vector) -> float:
    """Return the mean similarity of a question to the passages of the language that is most similar to it."""
    return float((passages @ np.asarray(vector, dtype=np.float32)).mean(axis=1).max())


def measure_baseline(
    recalled: RecallResult, everyday: EverydayPassages | None, vector: Vector | None, embedder: Embedder | None
) -> float:
    """Return the similarity of a question to an average passage; 0 without a vector.

    A large library is its own measure. A small one may consist of passages that are all about the question, so the
    everyday passages count like `WEIGHT` further passages. If they cannot be embedded, only the library counts.
    """
    average, sample = recalled.dense_average or 0.0, recalled.dense_sample
    if everyday is None or vector is None or embedder is None:
        return average
    try:
        passages = everyday.load(embedder)
    except (Cancelled, LeaseLost):
        raise
    except Exception:  # noqa: BLE001 - `load` logs it, and the question is answered without the everyday passages
        return average
    similarity = compute_similarity(passages, vector)
    return (average * sample + similarity * WEIGHT) / (sample + WEIGHT)
