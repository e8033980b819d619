"""What a delivery shows at each step, in the language of the person who asked."""

from __future__ import annotations

from bot.delivery.decisions import DeliveryStep
from bot.locales.texts import texts_for
from bot.render.answer import render_answer, render_completion_notice, render_ready_notice, render_token_expiry_notice
from bot.render.ingest import render_ingest
from bot.render.message import OutgoingMessage
from bot.render.progress import render_progress
from db.deliveries import DeliveryView


def progress_page(view: DeliveryView, step: DeliveryStep) -> OutgoingMessage:
    """Show what the jobs do now."""
    t = texts_for(view.delivery.locale)
    if step is DeliveryStep.EXPIRING:
        return render_token_expiry_notice(view, t)
    return render_progress(view, t) if view.delivery.kind == "answer" else render_ingest(view, t)


def final_pages(view: DeliveryView) -> list[OutgoingMessage]:
    """Show how it ended: what the message becomes, and further messages."""
    t = texts_for(view.delivery.locale)
    return render_answer(view, t) if view.delivery.kind == "answer" else [render_ingest(view, t)]


def late_notice_page(view: DeliveryView) -> OutgoingMessage:
    """Tell a person who waited long that it is done."""
    return render_completion_notice(view, texts_for(view.delivery.locale))


def ready_notice_page(view: DeliveryView) -> OutgoingMessage:
    """Say where the answer is, for when Discord does not take the answer itself."""
    return render_ready_notice(view, texts_for(view.delivery.locale))
