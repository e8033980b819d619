"""The messages that a delivery shows at each step, in the language of its requester."""

from __future__ import annotations

from bot.delivery.decisions import DeliveryStep
from bot.locales.texts import texts_for
from bot.render.answer import (
    render_answer,
    render_completion_notice,
    render_ready_notice,
    render_rerouted_notice,
    render_token_expiry_notice,
)
from bot.render.ingest import render_ingest
from bot.render.message import OutgoingMessage
from bot.render.progress import render_progress
from db.deliveries import DeliveryView


def progress_page(view: DeliveryView, step: DeliveryStep) -> OutgoingMessage:
    """Render the progress of the jobs, or the notice that the token is about to expire."""
    t = texts_for(view.delivery.locale)
    if step is DeliveryStep.EXPIRING:
        return render_token_expiry_notice(view, t)
    return render_progress(view, t) if view.delivery.kind == "answer" else render_ingest(view, t)


def final_pages(view: DeliveryView) -> list[OutgoingMessage]:
    """Render the result: the final content of the message, and further messages of a long answer."""
    t = texts_for(view.delivery.locale)
    return render_answer(view, t) if view.delivery.kind == "answer" else [render_ingest(view, t)]


def completion_notice(view: DeliveryView) -> OutgoingMessage:
    """Render the notice that a slow job has ended, because an edit sends no notification."""
    return render_completion_notice(view, texts_for(view.delivery.locale))


def ready_notice(view: DeliveryView) -> OutgoingMessage:
    """Render the notice that names the command for reading the result, for when Discord rejects the result itself."""
    return render_ready_notice(view, texts_for(view.delivery.locale))


def rerouted_notice(view: DeliveryView) -> OutgoingMessage:
    """Render the notice that the result is sent as a direct message, because the bot may not post it in its channel."""
    return render_rerouted_notice(view, texts_for(view.delivery.locale))
