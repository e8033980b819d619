"""Build the budget of a question from the settings."""

from __future__ import annotations

from config.settings import Settings
from pipeline.budget import Budget, Limit, Limits
from pipeline.ports import Spending


def build_budget(settings: Settings, spending: Spending) -> Budget | None:
    """Build the budget of a question; None when no limit is set, so that no spending has to be read."""
    if not settings.budget.has_limit:
        return None
    limits = Limits(
        Limit(settings.budget.question_soft_usd, settings.budget.question_hard_usd),
        Limit(settings.budget.user_day_soft_usd, settings.budget.user_day_hard_usd),
        Limit(settings.budget.server_day_soft_usd, settings.budget.server_day_hard_usd),
    )
    price = settings.llm_price
    return Budget(limits, spending, price.prompt, price.completion)
