"""Build the budgets of questions and documents from the settings."""

from __future__ import annotations

from dataclasses import replace

from config.settings import Settings
from pipeline.budget import Budget, Limit, Limits
from pipeline.ports import Spending
from pipeline.types import EmbeddingProfile


def build_budget(settings: Settings, spending: Spending, profile: EmbeddingProfile) -> Budget | None:
    """Build the budget of a question; None when no limit is set, so that no spending has to be read."""
    if not settings.budget.has_limit:
        return None
    limits = Limits(
        Limit(settings.budget.question_soft_usd, settings.budget.question_hard_usd),
        Limit(settings.budget.user_day_soft_usd, settings.budget.user_day_hard_usd),
        Limit(settings.budget.server_day_soft_usd, settings.budget.server_day_hard_usd),
    )
    price = settings.llm_price
    is_paid = profile.backend == "openai"  # local models cost nothing
    embedding_usd = settings.find_embedding_price(profile.model).prompt if is_paid else 0.0
    return Budget(limits, spending, price.prompt, price.completion, embedding_usd)


def build_document_budget(settings: Settings, spending: Spending, profile: EmbeddingProfile) -> Budget | None:
    """Build the budget of a document, to which the limits per question do not apply; None if its embedding is free."""
    budget = build_budget(settings, spending, profile)
    if budget is None or not budget.embedding_usd:
        return None
    return replace(budget, limits=replace(budget.limits, question=Limit()))
