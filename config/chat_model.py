"""Build the client of the language model, and describe it for `refdesk doctor`."""

from __future__ import annotations

from collections.abc import Sequence

from config.embedding import reveal_secret
from config.settings import Settings
from pipeline.errors import SetupError
from pipeline.ports import ChatModel


def build_chat(settings: Settings) -> ChatModel | None:
    """Build the client of the language model, or return None if no language model is configured."""
    if not settings.llm.base_url:
        return None
    if not settings.llm.model:
        raise SetupError(
            "REFDESK_LLM_BASE_URL is set but REFDESK_LLM_MODEL is not. Set it to a model that the server offers."
        )
    return build_chat_client(settings, reasoning_effort=settings.llm.reasoning_effort)


def build_chat_client(settings: Settings, *, reasoning_effort: str = "", top_logprobs: int = 0) -> ChatModel:
    """Build a client of the configured language model.

    Args:
        settings: Endpoint, model, key and prices.
        reasoning_effort: Sent with every request; empty sends none.
        top_logprobs: Number of token alternatives to request per token; 0 requests none.
    """
    from pipeline.backends.endpoints.openai_chat import OpenAIChat

    return OpenAIChat(
        settings.llm.base_url,
        settings.llm.model,
        api_key=reveal_secret(settings.llm.api_key),
        price_prompt_usd=settings.llm_price.prompt,
        price_completion_usd=settings.llm_price.completion,
        reasoning_effort=reasoning_effort,
        top_logprobs=top_logprobs,
    )


def list_served_models(settings: Settings) -> Sequence[str]:
    """Return the models that the language model's server offers.

    Raises:
        LlmError: The server cannot be reached or rejects the request; `LlmUnparsable` if it returns no list.
    """
    from pipeline.backends.endpoints.model_list import list_models

    return list_models(settings.llm.base_url, reveal_secret(settings.llm.api_key))


def format_language_model(settings: Settings) -> str:
    """Format the language model and its address, without user name, password and query of the address."""
    from pipeline.backends.endpoints.chat_address import redact_url

    return f"{settings.llm.model} at {redact_url(settings.llm.base_url)}"
