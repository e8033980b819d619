"""Render the question for the helpers of a server, and the confirmation before a private question is posted."""

from __future__ import annotations

from bot.locales.texts import Texts
from bot.render import sanitize
from bot.render.formatting import format_question, format_user
from bot.render.message import Button, OutgoingMessage
from db.job_views import JobView


def render_helper_request(job: JobView, role_id: str, asker_id: str, t: Texts, *, link: str = "") -> OutgoingMessage:
    """Render the message that notifies the helpers; `link` leads to the answer, if others can open it."""
    request = t("helper-request", role=format_role(role_id), who=format_user(asker_id))
    jump = sanitize.message_link_or_empty(link)
    lines = [request, format_question(job), *([f"[{t('job-open')}]({jump})"] if jump else [])]
    return OutgoingMessage("\n".join(lines), notified_role=role_id)


def render_helper_confirmation(job: JobView, role_id: str, t: Texts) -> OutgoingMessage:
    """Render the confirmation before a private question is posted for everyone to read."""
    return OutgoingMessage(
        f"{t('helper-confirm', role=format_role(role_id))}\n{format_question(job)}",
        buttons=(
            (
                Button("dohelper", job.id, t("button-post"), style="primary"),
                Button("nohelper", job.id, t("button-not-post")),
            ),
        ),
    )


def render_helper_asked(role_id: str, link: str, t: Texts) -> OutgoingMessage:
    """Render the private reply after the helpers were notified, with a link to the posted message."""
    asked = t("helper-asked", role=format_role(role_id))
    jump = sanitize.message_link_or_empty(link)
    return OutgoingMessage(f"{asked} [{t('job-open')}]({jump})" if jump else asked)


def format_role(role_id: str) -> str:
    """Format a role as a mention, which the app shows as its name."""
    return f"<@&{role_id}>" if role_id.isdigit() else "?"
