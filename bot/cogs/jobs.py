"""The `/jobs` commands."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.autocomplete import suggest_jobs
from bot.cogs.options import describe_options
from bot.interactions.accessors import services_of, texts_of
from bot.interactions.context import context_of, load_context
from bot.interactions.redaction import redact_job
from bot.interactions.replies import defer, reply
from bot.interactions.tracker import record_of
from bot.locales.translator import localized
from bot.render.jobs import format_reason
from bot.render.message import OutgoingMessage
from bot.services.jobs import parse_job_id
from bot.views.jobs import build_message_link, build_page, current_token, send_job


class Jobs(commands.GroupCog, group_name=localized("cmd-jobs"), group_description=localized("cmd-jobs-desc")):
    """The `/jobs` command group."""

    def __init__(self, bot: commands.Bot) -> None:
        """Store the bot."""
        super().__init__()
        self.bot = bot

    @app_commands.command(name=localized("cmd-jobs-list"), description=localized("cmd-jobs-list-desc"))
    @describe_options(everyone="all")
    async def list_jobs(self, interaction: discord.Interaction, everyone: bool = False) -> None:
        """List the user's jobs, or all jobs for a manager."""
        await defer(interaction, private=True)
        await reply(interaction, await build_page(interaction, everyone=everyone))

    @app_commands.command(name=localized("cmd-jobs-show"), description=localized("cmd-jobs-show-desc"))
    @describe_options(job="job")
    @app_commands.autocomplete(job=suggest_jobs)
    async def show(self, interaction: discord.Interaction, job: str) -> None:
        """Show a job; its answer is included if the user may read it."""
        number = parse_job_id(job)
        await defer(interaction, private=True)
        await send_job(interaction, number)

    @app_commands.command(name=localized("cmd-jobs-why"), description=localized("cmd-jobs-why-desc"))
    @describe_options(job="job")
    @app_commands.autocomplete(job=suggest_jobs)
    async def why(self, interaction: discord.Interaction, job: str) -> None:
        """Show what a job is waiting for, or why it ended."""
        number = parse_job_id(job)
        await defer(interaction, private=True)
        context, t = await load_context(interaction), texts_of(interaction)
        visible_job = await services_of(interaction).jobs.job(context, number)
        job_view = redact_job(visible_job.owned, context, t)
        text = t("job-why", job=str(number), state=t(f"state-{job_view.state}"), why=format_reason(job_view, t))
        await reply(interaction, OutgoingMessage(text))

    @app_commands.command(name=localized("cmd-jobs-cancel"), description=localized("cmd-jobs-cancel-desc"))
    @describe_options(job="job")
    @app_commands.autocomplete(job=suggest_jobs)
    async def cancel(self, interaction: discord.Interaction, job: str) -> None:
        """Cancel a job."""
        number = parse_job_id(job)
        await defer(interaction, private=True)
        record_of(interaction).jobs.append(number)
        states = await services_of(interaction).jobs.cancel(context_of(interaction), [number])
        key = "job-cancelled" if "cancelled" in states else "job-stopping"
        await reply(interaction, OutgoingMessage(texts_of(interaction)(key, job=str(number))))

    @app_commands.command(name=localized("cmd-jobs-retry"), description=localized("cmd-jobs-retry-desc"))
    @describe_options(job="job")
    @app_commands.autocomplete(job=suggest_jobs)
    async def retry(self, interaction: discord.Interaction, job: str) -> None:
        """Retry a job.

        The job's message shows the new result; if only this interaction can be updated, its message does.
        """
        number = parse_job_id(job)
        await defer(interaction, private=True)
        ledger = services_of(interaction).jobs
        record = record_of(interaction)
        context = await load_context(interaction)
        record.jobs += await ledger.retry(context, [number], current_token(interaction))
        visible_job = await ledger.job(context, number)
        if visible_job.needs_token_of(context.user_id):
            record.thinking = ""
            return
        text = texts_of(interaction)("job-requeued", job=str(number))
        await reply(interaction, OutgoingMessage(" ".join([text, build_message_link(visible_job.delivery)]).strip()))
